complete -c nzb-split -l include -d 'Only files whose name matches GLOB (may be repeated)' -r
complete -c nzb-split -l exclude -d 'No files whose name matches GLOB (may be repeated)' -r
complete -c nzb-split -l resume -d 'Leave out the segments that an earlier run wrote to DIR, the same as for seg-write' -r -F
complete -c nzb-split -l flat -d 'With --resume: seg-write writes to DIR itself'
complete -c nzb-split -s q -l quiet -d 'Print nothing on success and one line on failure'
complete -c nzb-split -s v -l verbose -d 'Tell more about what is going on'
complete -c nzb-split -s h -l help -d 'Print help (see more with \'--help\')'
complete -c nzb-split -s V -l version -d 'Print version'

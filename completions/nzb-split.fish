complete -c nzb-split -l include -d 'Only files whose name matches GLOB (may be repeated)' -r
complete -c nzb-split -l exclude -d 'No files whose name matches GLOB (may be repeated)' -r
complete -c nzb-split -s q -l quiet -d 'Print nothing on success and one line on failure'
complete -c nzb-split -s v -l verbose -d 'Tell more about what is going on'
complete -c nzb-split -s h -l help -d 'Print help (see more with \'--help\')'
complete -c nzb-split -s V -l version -d 'Print version'

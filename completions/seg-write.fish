complete -c seg-write -l progress -d 'Draw a progress bar' -r -f -a "auto\t'If a person is likely to look'
bar\t'Always'
never\t'Never'"
complete -c seg-write -s d -l dir -d 'Write to DIR, in a folder for each job' -r -F
complete -c seg-write -s q -l quiet -d 'Print nothing on success and one line on failure'
complete -c seg-write -s v -l verbose -d 'Tell more about what is going on'
complete -c seg-write -l flat -d 'Write to DIR itself'
complete -c seg-write -l accept-unverified -d 'Take a file as complete though some of its segments carry no CRC'
complete -c seg-write -l salvage -d 'Write damaged bytes into the .part file, for par2 to repair'
complete -c seg-write -l json -d 'Write `missing`, `failed` and `file` records to standard output'
complete -c seg-write -s h -l help -d 'Print help (see more with \'--help\')'
complete -c seg-write -s V -l version -d 'Print version'

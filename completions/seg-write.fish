complete -c seg-write -l progress -d 'Show progress, on standard error' -r -f -a "auto\t'A bar if standard error is a terminal, the program is in its foreground and the last of the pipe'
bar\t'A bar'
line\t'A line every two seconds'
json\t'An object of JSON on one line every two seconds'
never\t'Not at all'"
complete -c seg-write -s d -l dir -d 'Write to DIR, in a folder for each job' -r -F
complete -c seg-write -s q -l quiet -d 'Print nothing on success and one line on failure'
complete -c seg-write -s v -l verbose -d 'Tell more about what is going on'
complete -c seg-write -l flat -d 'Write to DIR itself'
complete -c seg-write -l accept-unverified -d 'Take a file as complete though some of its segments carry no CRC'
complete -c seg-write -l salvage -d 'Write damaged bytes into the .part file, for par2 to repair'
complete -c seg-write -l json -d 'Write `missing`, `failed` and `file` records to standard output'
complete -c seg-write -s h -l help -d 'Print help (see more with \'--help\')'
complete -c seg-write -s V -l version -d 'Print version'

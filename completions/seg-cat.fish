complete -c seg-cat -l index -d 'The file with this index in its NZB, counted from 0 (`file` in records)' -r
complete -c seg-cat -l window -d 'Keep up to SIZE of parts in memory that come before their time' -r
complete -c seg-cat -l spill -d 'Let the temporary file for more of them grow to SIZE [default: as the disk allows]' -r
complete -c seg-cat -l progress -d 'Show progress, on standard error' -r -f -a "auto\t'A bar if standard error is a terminal, the program is in its foreground and the last of the pipe'
bar\t'A bar'
line\t'A line every two seconds'
json\t'An object of JSON on one line every two seconds'
never\t'Not at all'"
complete -c seg-cat -l zero-fill -d 'Write zeros for missing segments and go on'
complete -c seg-cat -l accept-unverified -d 'Take parts that carry no CRC'
complete -c seg-cat -s q -l quiet -d 'Print nothing on success and one line on failure'
complete -c seg-cat -s v -l verbose -d 'Tell more about what is going on'
complete -c seg-cat -l headers -d 'Write the headers of all records as JSON lines, without `len` and payload'
complete -c seg-cat -l failed -d 'Write `missing` and `failed` records, for nntp-fetch to read'
complete -c seg-cat -l check -d 'Read all of a stream and say whether it is right'
complete -c seg-cat -s h -l help -d 'Print help (see more with \'--help\')'
complete -c seg-cat -s V -l version -d 'Print version'

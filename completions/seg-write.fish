complete -c seg-write -l progress -d 'Show progress, on standard error' -r -f -a "auto\t'A bar if standard error is a terminal, the program is in its foreground and the last of the pipe'
bar\t'A bar'
line\t'A line every two seconds'
json\t'An object of JSON on one line every two seconds'
never\t'Not at all'"
complete -c seg-write -s d -l dir -d 'Write to DIR, in a folder for each job' -r -F
complete -c seg-write -l name-from -d 'Where final names come from: the articles unless their name is noise (auto), the articles (yenc), or the NZB (subject)' -r -f -a "auto\t''
yenc\t''
subject\t''"
complete -c seg-write -l name -d 'Make final names of TEMPLATE: {name}, {stem}, {ext}, {job}, {index} from 1, {index:03}' -r
complete -c seg-write -l on-incomplete -d 'What becomes of a file that stays incomplete: it keeps its .part name (keep), is renamed to NAME.incomplete (rename), or is deleted (delete)' -r -f -a "keep\t''
rename\t''
delete\t''"
complete -c seg-write -l preallocate -d 'Make room for a file of known size: as a hole (sparse), not at all (none), or block by block (full)' -r -f -a "sparse\t''
none\t''
full\t''"
complete -c seg-write -l sync -d 'Make data survive a power cut: as a file grows and before it gets its name (file), never, or after each segment (segment)' -r -f -a "file\t''
never\t''
segment\t''"
complete -c seg-write -l journal -d 'Keep the journal that a later run goes on by: always (keep), until the job is complete (remove), or have none (never)' -r -f -a "keep\t''
remove\t''
never\t''"
complete -c seg-write -l hash -d 'Digests of whole files for their `file` records; crc32 is always there' -r -f -a "sha256\t''
blake3\t''
crc32\t''"
complete -c seg-write -l exec -d 'Run CMD for each file as soon as it is complete' -r
complete -c seg-write -l exec-jobs -d 'Run CMD of --exec for up to N files at once' -r
complete -c seg-write -s q -l quiet -d 'Print nothing on success and one line on failure'
complete -c seg-write -s v -l verbose -d 'Tell more about what is going on'
complete -c seg-write -l flat -d 'Write to DIR itself'
complete -c seg-write -l accept-unverified -d 'Take a file as complete though some of its segments carry no CRC, or are another file\'s by their headers'
complete -c seg-write -l salvage -d 'Write damaged bytes into the .part file, for par2 to repair'
complete -c seg-write -l overwrite -d 'Replace a file of the same name and other bytes, instead of taking another name'
complete -c seg-write -l verify -d 'Read all that an earlier run left before it counts, also what is known to be safe'
complete -c seg-write -l no-space-check -d 'Begin though DIR has not the room that the job needs'
complete -c seg-write -l json -d 'Write `missing`, `failed` and `file` records to standard output'
complete -c seg-write -s h -l help -d 'Print help (see more with \'--help\')'
complete -c seg-write -s V -l version -d 'Print version'

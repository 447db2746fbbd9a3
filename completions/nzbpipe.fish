complete -c nzbpipe -l progress -d 'Show progress, on standard error' -r -f -a "auto\t'A bar if standard error is a terminal, the program is in its foreground and the last of the pipe'
bar\t'A bar'
line\t'A line every two seconds'
json\t'An object of JSON on one line every two seconds'
never\t'Not at all'"
complete -c nzbpipe -l include -d 'Only files whose name matches GLOB (may be repeated)' -r
complete -c nzbpipe -l exclude -d 'No files whose name matches GLOB (may be repeated)' -r
complete -c nzbpipe -l par2 -d 'Fetch of the par2 files the index and then as many recovery volumes as a repair needs (auto), all of them, or none' -r -f -a "auto\t''
all\t''
none\t''"
complete -c nzbpipe -s d -l dir -d 'Write to DIR, in a folder for each job' -r -F
complete -c nzbpipe -l name-from -d 'Where final names come from: the articles unless their name is noise (auto), the articles (yenc), or the NZB (subject)' -r -f -a "auto\t''
yenc\t''
subject\t''"
complete -c nzbpipe -l name -d 'Make final names of TEMPLATE: {name}, {stem}, {ext}, {job}, {index} from 1, {index:03}' -r
complete -c nzbpipe -l on-incomplete -d 'What becomes of a file that stays incomplete: it keeps its .part name (keep), is renamed to NAME.incomplete (rename), or is deleted (delete)' -r -f -a "keep\t''
rename\t''
delete\t''"
complete -c nzbpipe -l preallocate -d 'Make room for a file of known size: as a hole (sparse), not at all (none), or block by block (full)' -r -f -a "sparse\t''
none\t''
full\t''"
complete -c nzbpipe -l sync -d 'Make data survive a power cut: as a file grows and before it gets its name (file), never, or after each segment (segment)' -r -f -a "file\t''
never\t''
segment\t''"
complete -c nzbpipe -l journal -d 'Keep the journal that a later run goes on by: always (keep), until the job is complete (remove), or have none (never)' -r -f -a "keep\t''
remove\t''
never\t''"
complete -c nzbpipe -l hash -d 'Digests of whole files for their `file` records; crc32 is always there' -r -f -a "sha256\t''
blake3\t''
crc32\t''"
complete -c nzbpipe -l exec -d 'Run CMD for each file as soon as it is complete' -r
complete -c nzbpipe -l exec-jobs -d 'Run CMD of --exec for up to N files at once' -r
complete -c nzbpipe -l servers -d 'Read the servers from FILE, in the format of nzbpipe-servers(5)' -r -F
complete -c nzbpipe -s s -l server -d 'Use this server: nntps://user@host:563/?connections=20&pipeline=8' -r
complete -c nzbpipe -l retries -d 'Ask a server again N times after its connection failed' -r
complete -c nzbpipe -l connect-timeout -d 'Give up connecting after this long (30, 30s, 2m)' -r
complete -c nzbpipe -l timeout -d 'Drop a connection that sends nothing for this long' -r
complete -c nzbpipe -l cacert -d 'Trust the certificate authorities in FILE (PEM) as well' -r -F
complete -c nzbpipe -l limit-rate -d 'Take no more than RATE bytes a second from all servers together' -r
complete -c nzbpipe -l max-down -d 'Give up when all servers have been down for this long' -r
complete -c nzbpipe -l deadline -d 'Stop after this long with 75; a later run goes on' -r
complete -c nzbpipe -l hedge -d 'Near the end, ask for up to SIZE bytes twice, of a faster connection' -r
complete -c nzbpipe -l threads -d 'Receive, decrypt and decode on N threads' -r
complete -c nzbpipe -l stats -d 'Write what was done to FILE at the end, as JSON' -r -F
complete -c nzbpipe -l metrics -d 'Keep counters in FILE, in the text format of Prometheus' -r -F
complete -c nzbpipe -s q -l quiet -d 'Print nothing on success and one line on failure'
complete -c nzbpipe -s v -l verbose -d 'Tell more about what is going on'
complete -c nzbpipe -l pass-raw -d 'Take articles in no known encoding as they are'
complete -c nzbpipe -l flat -d 'Write to DIR itself'
complete -c nzbpipe -l accept-unverified -d 'Take a file as complete though some of its segments carry no CRC, or are another file\'s by their headers'
complete -c nzbpipe -l salvage -d 'Write damaged bytes into the .part file, for par2 to repair'
complete -c nzbpipe -l overwrite -d 'Replace a file of the same name and other bytes, instead of taking another name'
complete -c nzbpipe -l verify -d 'Read all that an earlier run left before it counts, also what is known to be safe'
complete -c nzbpipe -l no-space-check -d 'Begin though DIR has not the room that the job needs'
complete -c nzbpipe -l json -d 'Write `missing`, `failed` and `file` records to standard output'
complete -c nzbpipe -s k -l insecure -d 'Do not check certificates: anybody on the way can read the password'
complete -c nzbpipe -l example-servers -d 'Print a commented server file and exit'
complete -c nzbpipe -s h -l help -d 'Print help (see more with \'--help\')'
complete -c nzbpipe -s V -l version -d 'Print version'

complete -c nzbpipe -l progress -d 'Show progress, on standard error' -r -f -a "auto\t'A bar if standard error is a terminal, the program is in its foreground and the last of the pipe'
bar\t'A bar'
line\t'A line every two seconds'
json\t'An object of JSON on one line every two seconds'
never\t'Not at all'"
complete -c nzbpipe -l include -d 'Only files whose name matches GLOB (may be repeated)' -r
complete -c nzbpipe -l exclude -d 'No files whose name matches GLOB (may be repeated)' -r
complete -c nzbpipe -s d -l dir -d 'Write to DIR, in a folder for each job' -r -F
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
complete -c nzbpipe -l stats -d 'Write what was done to FILE at the end, as JSON' -r -F
complete -c nzbpipe -l metrics -d 'Keep counters in FILE, in the text format of Prometheus' -r -F
complete -c nzbpipe -s q -l quiet -d 'Print nothing on success and one line on failure'
complete -c nzbpipe -s v -l verbose -d 'Tell more about what is going on'
complete -c nzbpipe -l pass-raw -d 'Take articles in no known encoding as they are'
complete -c nzbpipe -l flat -d 'Write to DIR itself'
complete -c nzbpipe -l accept-unverified -d 'Take a file as complete though some of its segments carry no CRC'
complete -c nzbpipe -l salvage -d 'Write damaged bytes into the .part file, for par2 to repair'
complete -c nzbpipe -l json -d 'Write `missing`, `failed` and `file` records to standard output'
complete -c nzbpipe -s k -l insecure -d 'Do not check certificates: anybody on the way can read the password'
complete -c nzbpipe -l example-servers -d 'Print a commented server file and exit'
complete -c nzbpipe -s h -l help -d 'Print help (see more with \'--help\')'
complete -c nzbpipe -s V -l version -d 'Print version'

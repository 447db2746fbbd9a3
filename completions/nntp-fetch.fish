complete -c nntp-fetch -l progress -d 'Show progress, on standard error' -r -f -a "auto\t'A bar if standard error is a terminal, the program is in its foreground and the last of the pipe'
bar\t'A bar'
line\t'A line every two seconds'
json\t'An object of JSON on one line every two seconds'
never\t'Not at all'"
complete -c nntp-fetch -l servers -d 'Read the servers from FILE, in the format of nzbpipe-servers(5)' -r -F
complete -c nntp-fetch -s s -l server -d 'Use this server: nntps://user@host:563/?connections=20&pipeline=8' -r
complete -c nntp-fetch -l retries -d 'Ask a server again N times after its connection failed' -r
complete -c nntp-fetch -l connect-timeout -d 'Give up connecting after this long (30, 30s, 2m)' -r
complete -c nntp-fetch -l timeout -d 'Drop a connection that sends nothing for this long' -r
complete -c nntp-fetch -l cacert -d 'Trust the certificate authorities in FILE (PEM) as well' -r -F
complete -c nntp-fetch -l limit-rate -d 'Take no more than RATE bytes a second from all servers together' -r
complete -c nntp-fetch -l max-down -d 'Give up when all servers have been down for this long' -r
complete -c nntp-fetch -l deadline -d 'Stop after this long with 75; a later run goes on' -r
complete -c nntp-fetch -l hedge -d 'Near the end, ask for up to SIZE bytes twice, of a faster connection' -r
complete -c nntp-fetch -l threads -d 'Receive, decrypt and decode on N threads' -r
complete -c nntp-fetch -l stats -d 'Write what was done to FILE at the end, as JSON' -r -F
complete -c nntp-fetch -l metrics -d 'Keep counters in FILE, in the text format of Prometheus' -r -F
complete -c nntp-fetch -l no-verify -d 'Do not check bodies: damage is left for yenc-decode to find'
complete -c nntp-fetch -l article -d 'Fetch whole articles, headers included: `article` records'
complete -c nntp-fetch -l check -d 'Look at each server, say what is wrong with it, and fetch nothing'
complete -c nntp-fetch -l json -d 'With --check: a JSON object for each server'
complete -c nntp-fetch -s q -l quiet -d 'Print nothing on success and one line on failure'
complete -c nntp-fetch -s v -l verbose -d 'Tell more about what is going on'
complete -c nntp-fetch -s k -l insecure -d 'Do not check certificates: anybody on the way can read the password'
complete -c nntp-fetch -l example-servers -d 'Print a commented server file and exit'
complete -c nntp-fetch -s h -l help -d 'Print help (see more with \'--help\')'
complete -c nntp-fetch -s V -l version -d 'Print version'

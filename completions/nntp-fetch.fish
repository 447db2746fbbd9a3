complete -c nntp-fetch -l progress -d 'Draw a progress bar' -r -f -a "auto\t'If a person is likely to look'
bar\t'Always'
never\t'Never'"
complete -c nntp-fetch -l servers -d 'Read the servers from FILE, in the format of nzbpipe-servers(5)' -r -F
complete -c nntp-fetch -s s -l server -d 'Use this server: nntps://user@host:563/?connections=20&pipeline=8' -r
complete -c nntp-fetch -l retries -d 'Ask a server again N times after its connection failed' -r
complete -c nntp-fetch -l connect-timeout -d 'Give up connecting after this long (30, 30s, 2m)' -r
complete -c nntp-fetch -l timeout -d 'Drop a connection that sends nothing for this long' -r
complete -c nntp-fetch -l cacert -d 'Trust the certificate authorities in FILE (PEM) as well' -r -F
complete -c nntp-fetch -l no-verify -d 'Do not check bodies: damage is left for yenc-decode to find'
complete -c nntp-fetch -s q -l quiet -d 'Print nothing on success and one line on failure'
complete -c nntp-fetch -s v -l verbose -d 'Tell more about what is going on'
complete -c nntp-fetch -s k -l insecure -d 'Do not check certificates: anybody on the way can read the password'
complete -c nntp-fetch -l example-servers -d 'Print a commented server file and exit'
complete -c nntp-fetch -s h -l help -d 'Print help (see more with \'--help\')'
complete -c nntp-fetch -s V -l version -d 'Print version'

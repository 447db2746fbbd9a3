complete -c nntp-serve -l files -d 'Offer the files below DIR' -r -F
complete -c nntp-serve -l nzb-out -d 'Write the NZB files to DIR' -r -F
complete -c nntp-serve -l listen -d 'Listen without TLS (may be repeated); port 0 is a free one' -r
complete -c nntp-serve -l listen-tls -d 'Listen with TLS (may be repeated), with a certificate made at the start' -r
complete -c nntp-serve -l ca-out -d 'Write the authority that signs the certificate to FILE (PEM)' -r -F
complete -c nntp-serve -l servers-out -d 'Write a server file for nntp-fetch and nzbpipe to FILE' -r -F
complete -c nntp-serve -l user -d 'Ask for this user name (needs --password-file)' -r
complete -c nntp-serve -l password-file -d 'The user\'s password is the first line of FILE' -r -F
complete -c nntp-serve -l latency -d 'Send each answer TIME after its command came (30ms, 1s)' -r
complete -c nntp-serve -l missing -d 'Say that PERCENT of the articles do not exist, always the same ones' -r
complete -c nntp-serve -l article-size -d 'Cut files into articles of BYTES bytes' -r
complete -c nntp-serve -l group -d 'Offer the articles in this newsgroup' -r
complete -c nntp-serve -l max-connections -d 'Refuse more than N connections at once' -r
complete -c nntp-serve -l max-connections-reply -d 'What one connection too many is told before it is closed: code and text' -r
complete -c nntp-serve -l max-connections-at -d 'When it is told so' -r -f -a "greeting\t'In place of the greeting'
login\t'After the login'
body\t'At the first request for an article'"
complete -c nntp-serve -l limit-rate -d 'Send each connection no more than RATE bytes a second (500K, 10M)' -r
complete -c nntp-serve -l total-rate -d 'Send all connections together no more than RATE bytes a second' -r
complete -c nntp-serve -l cache -d 'Keep SIZE bytes of encoded articles in memory' -r
complete -c nntp-serve -s q -l quiet -d 'Print nothing on success and one line on failure'
complete -c nntp-serve -s v -l verbose -d 'Tell more about what is going on'
complete -c nntp-serve -s h -l help -d 'Print help (see more with \'--help\')'
complete -c nntp-serve -s V -l version -d 'Print version'

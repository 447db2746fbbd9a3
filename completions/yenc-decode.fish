complete -c yenc-decode -l raw -d 'Decode one article file and write its bytes' -r -F
complete -c yenc-decode -s j -l threads -d 'Decode on at most N threads' -r
complete -c yenc-decode -l pass-raw -d 'Take articles in no known encoding as they are'
complete -c yenc-decode -s q -l quiet -d 'Print nothing on success and one line on failure'
complete -c yenc-decode -s v -l verbose -d 'Tell more about what is going on'
complete -c yenc-decode -s h -l help -d 'Print help (see more with \'--help\')'
complete -c yenc-decode -s V -l version -d 'Print version'

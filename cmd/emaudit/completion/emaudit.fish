# fish completion for emaudit. What may be completed is asked of emaudit itself,
# so that this file need not change with it.
function __emaudit_complete
    set -l words (commandline -opc) (commandline -ct)
    for line in ($words[1] complete -- $words[2..-1] 2>/dev/null)
        switch $line
            case '_files*'
                __fish_complete_path (commandline -ct)
            case '*'
                echo $line
        end
    end
end
complete -c emaudit -f -a '(__emaudit_complete)'

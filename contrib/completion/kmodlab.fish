# SPDX-License-Identifier: BSD-2-Clause
# Completion for fish. What there is to offer, kmodlab itself says (kmodlab __complete).

function __kmodlab_offer
    set -l words (commandline -opc) (commandline -ct)
    set -l offers (command $words[1] __complete $words[2..-1] 2>/dev/null)
    switch "$offers[1]"
        case ':files'
            __fish_complete_path (string replace -r -- '^--[^=]*=' '' $words[-1])
        case ':dirs'
            __fish_complete_directories (string replace -r -- '^--[^=]*=' '' $words[-1])
        case '*'
            string join \n -- $offers
    end
end

complete -c kmodlab -f -a '(__kmodlab_offer)'

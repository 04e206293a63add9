# SPDX-License-Identifier: BSD-2-Clause
# Completion of verify-exit for bash 4.2 or later, made by 'verify-exit completion bash'.

# Offer those words that begin like $value.
_verify_exit_words() {
    local found
    mapfile -t found < <(compgen -W "$*" -- "$value")
    COMPREPLY+=("${found[@]}")
}

# Offer directories, and files of these names; any file where there is none of them.
_verify_exit_files() {
    local file pattern all=() found=()
    compopt -o filenames 2>/dev/null
    while IFS= read -r file; do
        all+=("$file")
        if [[ -d $file ]]; then
            found+=("$file")
            continue
        fi
        for pattern; do
            # shellcheck disable=SC2053
            if [[ ${file##*/} == $pattern ]]; then
                found+=("$file")
                break
            fi
        done
    done < <(compgen -f -- "$value")
    ((${#found[@]})) || found=("${all[@]}")
    COMPREPLY+=("${found[@]}")
}

_verify_exit_directories() {
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -d -- "$value")
}

# FORMAT or FORMAT=FILE.
_verify_exit_formats() {
    if [[ $value == *=* ]]; then
        value=${value#*=}
        _verify_exit_files '*'
    else
        compopt -o nospace 2>/dev/null
        _verify_exit_words "$@"
    fi
}

# Some of these words, with commas between them.
_verify_exit_list() {
    local before=
    [[ $value == *,* ]] && before=${value%,*},
    value=${value##*,}
    _verify_exit_words "$@"
    COMPREPLY=("${COMPREPLY[@]/#/$before}")
}

_verify_exit_complete() {
    local word glue= i words=() command= option= only_files= last current
    # Readline takes "=" for a word of its own; here it is none.
    for ((i = 0; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if ((i)) && [[ $glue || $word == =* ]]; then
            words[${#words[@]} - 1]+=$word
        else
            words+=("$word")
        fi
        glue=
        [[ $word == = ]] && glue=1
    done
    last=$((${#words[@]} - 1))
    current=${words[last]}
    # Behind "--" there are only files.
    for ((i = 1; i < last; i++)); do
        [[ ${words[i]} == -- ]] && only_files=1
    done
    value=$current
    if [[ $only_files ]]; then
        :
    elif [[ $current == --*=* ]]; then
        option=${current%%=*} value=${current#*=}
    elif ((last > 1)); then
        option=${words[last - 1]}
    fi
    if ((last > 1)); then
        case ${words[1]} in
            check-certificate|completion|diff|doctor|explain|explain-frame|init|man|merge|replay|slack) command=${words[1]} ;;
        esac
    fi
    case "$command $option" in
        ' --entry')
            :
            return
            ;;
        ' --contract')
            _verify_exit_files '*.toml'
            _verify_exit_words freebsd illumos linux linux-4.0 linux-compat linux-stub linux-sysexit netbsd openbsd sel4 xen
            return
            ;;
        ' --profile')
            _verify_exit_words seed safety equivalence
            return
            ;;
        ' --frame')
            _verify_exit_words auto contract
            return
            ;;
        ' --vendor')
            _verify_exit_words intel amd both
            return
            ;;
        ' --paging')
            _verify_exit_words la48 la57 both
            return
            ;;
        ' --symbols')
            _verify_exit_files '*'
            return
            ;;
        ' -p')
            _verify_exit_files '*.json'
            return
            ;;
        ' -I')
            _verify_exit_directories
            return
            ;;
        ' -D')
            :
            return
            ;;
        ' --timeout')
            :
            return
            ;;
        ' --rlimit')
            :
            return
            ;;
        ' --allow-include')
            _verify_exit_directories
            return
            ;;
        ' --challenge')
            :
            return
            ;;
        ' --cross-check')
            _verify_exit_list bitwuzla cvc5
            return
            ;;
        ' --emit-smt2')
            _verify_exit_directories
            return
            ;;
        ' --certificate')
            _verify_exit_directories
            return
            ;;
        ' --config')
            _verify_exit_files '*'
            return
            ;;
        ' --gate')
            _verify_exit_words advisory new-only strict
            return
            ;;
        ' --baseline')
            _verify_exit_files '*.json'
            return
            ;;
        ' --waivers')
            _verify_exit_files '*'
            return
            ;;
        ' --jobs')
            :
            return
            ;;
        ' --shard')
            :
            return
            ;;
        ' --format')
            _verify_exit_formats text concise json sarif junit ktap github markdown html lkml parts
            return
            ;;
        ' --emit-replay')
            _verify_exit_files '*.py'
            return
            ;;
        ' --attest')
            _verify_exit_files '*'
            return
            ;;
        ' --color')
            _verify_exit_words auto always never
            return
            ;;
        'diff --entry')
            :
            return
            ;;
        'diff --contract')
            _verify_exit_files '*.toml'
            _verify_exit_words freebsd illumos linux linux-4.0 linux-compat linux-stub linux-sysexit netbsd openbsd sel4 xen
            return
            ;;
        'diff --profile')
            _verify_exit_words seed safety equivalence
            return
            ;;
        'diff --frame')
            _verify_exit_words auto contract
            return
            ;;
        'diff --vendor')
            _verify_exit_words intel amd both
            return
            ;;
        'diff --paging')
            _verify_exit_words la48 la57 both
            return
            ;;
        'diff --symbols')
            _verify_exit_files '*'
            return
            ;;
        'diff -p')
            _verify_exit_files '*.json'
            return
            ;;
        'diff -I')
            _verify_exit_directories
            return
            ;;
        'diff -D')
            :
            return
            ;;
        'diff --timeout')
            :
            return
            ;;
        'diff --rlimit')
            :
            return
            ;;
        'diff --base-entry')
            :
            return
            ;;
        'diff --allow-include')
            _verify_exit_directories
            return
            ;;
        'diff --format')
            _verify_exit_formats text concise json sarif junit ktap github markdown html lkml parts
            return
            ;;
        'diff --color')
            _verify_exit_words auto always never
            return
            ;;
        'doctor --color')
            _verify_exit_words auto always never
            return
            ;;
        'explain-frame --set')
            :
            return
            ;;
        'explain-frame --dump')
            _verify_exit_files '*'
            return
            ;;
        'explain-frame --entry')
            :
            return
            ;;
        'explain-frame --contract')
            _verify_exit_files '*.toml'
            _verify_exit_words freebsd illumos linux linux-4.0 linux-compat linux-stub linux-sysexit netbsd openbsd sel4 xen
            return
            ;;
        'explain-frame --profile')
            _verify_exit_words seed safety equivalence
            return
            ;;
        'explain-frame --frame')
            _verify_exit_words auto contract
            return
            ;;
        'explain-frame --vendor')
            _verify_exit_words intel amd both
            return
            ;;
        'explain-frame --paging')
            _verify_exit_words la48 la57 both
            return
            ;;
        'explain-frame --symbols')
            _verify_exit_files '*'
            return
            ;;
        'explain-frame -p')
            _verify_exit_files '*.json'
            return
            ;;
        'explain-frame -I')
            _verify_exit_directories
            return
            ;;
        'explain-frame -D')
            :
            return
            ;;
        'explain-frame --timeout')
            :
            return
            ;;
        'explain-frame --rlimit')
            :
            return
            ;;
        'explain-frame --allow-include')
            _verify_exit_directories
            return
            ;;
        'explain-frame --format')
            _verify_exit_words text json
            return
            ;;
        'merge --config')
            _verify_exit_files '*'
            return
            ;;
        'merge --gate')
            _verify_exit_words advisory new-only strict
            return
            ;;
        'merge --baseline')
            _verify_exit_files '*.json'
            return
            ;;
        'merge --waivers')
            _verify_exit_files '*'
            return
            ;;
        'merge --format')
            _verify_exit_formats text concise json sarif junit ktap github markdown html lkml parts
            return
            ;;
        'merge --emit-replay')
            _verify_exit_files '*.py'
            return
            ;;
        'merge --attest')
            _verify_exit_files '*'
            return
            ;;
        'merge --color')
            _verify_exit_words auto always never
            return
            ;;
        'slack --entry')
            :
            return
            ;;
        'slack --contract')
            _verify_exit_files '*.toml'
            _verify_exit_words freebsd illumos linux linux-4.0 linux-compat linux-stub linux-sysexit netbsd openbsd sel4 xen
            return
            ;;
        'slack --profile')
            _verify_exit_words seed safety equivalence
            return
            ;;
        'slack --frame')
            _verify_exit_words auto contract
            return
            ;;
        'slack --vendor')
            _verify_exit_words intel amd both
            return
            ;;
        'slack --paging')
            _verify_exit_words la48 la57 both
            return
            ;;
        'slack --symbols')
            _verify_exit_files '*'
            return
            ;;
        'slack -p')
            _verify_exit_files '*.json'
            return
            ;;
        'slack -I')
            _verify_exit_directories
            return
            ;;
        'slack -D')
            :
            return
            ;;
        'slack --timeout')
            :
            return
            ;;
        'slack --rlimit')
            :
            return
            ;;
        'slack --allow-include')
            _verify_exit_directories
            return
            ;;
        'slack --jobs')
            :
            return
            ;;
        'slack --format')
            _verify_exit_words text json
            return
            ;;
        'slack --color')
            _verify_exit_words auto always never
            return
            ;;
    esac
    if [[ ! $only_files && $current == -* ]]; then
        case $command in
            '') _verify_exit_words -h --help --entry --contract --profile --frame --check-iret --vendor --paging --symbols -p -I -D --timeout --rlimit --allow-include --why --challenge --cross-check --emit-smt2 --certificate --config --no-config --show-config --gate --baseline --waivers --strict --cache --no-cache --jobs --shard --format --emit-replay --attest --watch --color -v --verbose -q --quiet --version ;;
            check-certificate) _verify_exit_words -h --help -q --quiet ;;
            completion) _verify_exit_words -h --help ;;
            diff) _verify_exit_words -h --help --entry --contract --profile --frame --check-iret --vendor --paging --symbols -p -I -D --timeout --rlimit --base-entry --allow-include --format --color ;;
            doctor) _verify_exit_words -h --help --json --color ;;
            explain) _verify_exit_words -h --help ;;
            explain-frame) _verify_exit_words -h --help --set --dump --entry --contract --profile --frame --check-iret --vendor --paging --symbols -p -I -D --timeout --rlimit --allow-include --format ;;
            init) _verify_exit_words -h --help --print ;;
            man) _verify_exit_words -h --help ;;
            merge) _verify_exit_words -h --help --config --no-config --gate --baseline --waivers --strict --format --emit-replay --attest --color -v --verbose -q --quiet ;;
            replay) _verify_exit_words -h --help -v --verbose -q --quiet ;;
            slack) _verify_exit_words -h --help --entry --contract --profile --frame --check-iret --vendor --paging --symbols -p -I -D --timeout --rlimit --allow-include --cache --no-cache --jobs --format --color -v --verbose -q --quiet ;;
        esac
        return
    fi
    case $command in
        check-certificate)
            _verify_exit_directories
            ;;
        completion)
            _verify_exit_words bash fish zsh
            ;;
        diff)
            _verify_exit_files '*.S' '*.s' '*.o' '*.ko' '*.elf' 'vmlinu*' 'bzImage*' '*.debug'
            ;;
        doctor)
            :
            ;;
        explain)
            _verify_exit_words rip rflags rf canonical cs ss tf rsp gpr.rax gpr.rbx gpr.rcx gpr.rdx gpr.rsi gpr.rdi gpr.rbp gpr.r8 gpr.r9 gpr.r10 gpr.r11 gpr.r12 gpr.r13 gpr.r14 gpr.r15 gs irq stack cr3 ss-attrs star entry-mode nmi serialize ssp xstate nt cpl3 gpr.rsp unsupported-instruction undecodable unresolved-jump unresolved-store loop-bound vacuous no-sysret site-unreached site-undecided entry-unknown patched-code callee-not-followed solver-unknown timeout cover-gap approximation replay-disagrees replay-refused cross-check not-modelled-exit trap-on-user-stack waived stopped promise-missing relocation state-limit unknown not-applicable bug-table calls-abi calls-end calls-helpers calls-indirect calls-own-stack calls-system-state code-constant contract-cr3 contract-direction contract-gs contract-interrupts contract-interrupts-after-call contract-layout contract-nested-task contract-ss-descriptor contract-stores cr3-no-iret-exit cr3-valid entry-cpl0 entry-found hlt-stops image-mapped layout leaves-analysed-code no-concurrent-writes no-fault-resume no-indirect-entry own-stack patched-calls patched-thunks regions-disjoint shadow-stack-apart ss-selector-flat stack-pointers static-keys static-keys-constant thunks traps-end traps-resume unpatched-sites promise-entry-mode promise-star promise-nmi promise-serialize promise-ssp promise-xstate promise-user-frame promise-user32-rip freebsd illumos linux linux-4.0 linux-compat linux-stub linux-sysexit netbsd openbsd sel4 xen usage unknown-id output-unwritable diff-contracts emit-smt2 certificate cross-check-missing cross-check-unknown bad-report bad-part parts-differ nothing-to-replay frame-value frame-name dump-invalid config-not-found config-unreadable config-invalid config-too-large config-unknown-key config-bad-type config-bad-value config-no-targets config-no-match config-outside config-too-many config-exists baseline-missing baseline-invalid baseline-inconclusive baseline-old baseline-error baseline-options waivers-missing waivers-invalid contract-not-found contract-invalid contract-lacks-key frame-auto header-bad-args header-duplicate-key header-empty-value header-too-long header-unknown-key input-not-found input-invalid input-too-large bad-image bad-object bad-symbols symbols-mismatch too-many-exits git-missing not-a-repository revision-unknown revision-path revision-too-large revision-tree no-assembler preprocessor-error assembler-error assembler-limit bad-define include-dir-not-found include-refused build-not-found build-flags entry-ambiguous entry-not-found entry-unfit internal-error text concise json sarif junit ktap github markdown html lkml parts advisory new-only strict 0 1 2 3 4 5 70 130
            ;;
        explain-frame)
            _verify_exit_files '*.S' '*.s' '*.o' '*.ko' '*.elf' 'vmlinu*' 'bzImage*' '*.debug'
            ;;
        init)
            _verify_exit_directories
            ;;
        man)
            :
            ;;
        merge)
            _verify_exit_files '*.json'
            ;;
        replay)
            _verify_exit_files '*.json'
            ;;
        slack)
            _verify_exit_files '*.S' '*.s' '*.o' '*.ko' '*.elf' 'vmlinu*' 'bzImage*' '*.debug'
            ;;
        *)
            _verify_exit_files '*.S' '*.s' '*.o' '*.ko' '*.elf' 'vmlinu*' 'bzImage*' '*.debug'
            ((last == 1)) && _verify_exit_words check-certificate completion diff doctor explain explain-frame init man merge replay slack
            ;;
    esac
}

_verify_exit() {
    local value
    COMPREPLY=()
    _verify_exit_complete
    # Where "=" does not end a word, the whole of it is replaced.
    if [[ $COMP_WORDBREAKS != *=* && ${COMP_WORDS[COMP_CWORD]} == *=* ]]; then
        COMPREPLY=("${COMPREPLY[@]/#/${COMP_WORDS[COMP_CWORD]%"$value"}}")
    fi
}

complete -F _verify_exit verify-exit

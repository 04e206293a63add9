# SPDX-License-Identifier: BSD-2-Clause
# Completion of verify-exit for fish 3.1 or later, made by 'verify-exit completion fish'.

# Whether no word but the program's name stands before the cursor.
function __verify_exit_is_first
    test (count (commandline -opc)) -eq 1
end

# Whether the command line is one of the sub-command that is named; '' means: of none.
function __verify_exit_in
    set -l words (commandline -opc)
    set -l found ''
    if set -q words[2]; and contains -- $words[2] check-certificate completion diff doctor explain explain-frame init man merge replay slack
        set found $words[2]
    end
    test "$found" = "$argv[1]"
end

# FORMAT, or FORMAT=FILE where the format stands already.
function __verify_exit_formats
    set -l token (string replace -r '^--format=' '' -- (commandline -ct))
    set -l format (string match -r '^[a-z]+=' -- $token)
    if test -n "$format"
        for file in (__fish_complete_path (string replace -- $format '' $token) | string replace -r '\t.*' '')
            echo $format$file
        end
    else
        printf '%s\n' text concise json sarif junit ktap github markdown html lkml parts
    end
end

complete -c verify-exit -n __verify_exit_is_first -a check-certificate -d 'Check the certificates that --certificate wrote'
complete -c verify-exit -n __verify_exit_is_first -a completion -d 'Print a script that completes the words of verify-exit in…'
complete -c verify-exit -n __verify_exit_is_first -a diff -d 'Say what a change does to user space'
complete -c verify-exit -n __verify_exit_is_first -a doctor -d 'Look whether this installation can be relied on'
complete -c verify-exit -n __verify_exit_is_first -a explain -d 'What a clause, a reason or an exit code means'
complete -c verify-exit -n __verify_exit_is_first -a explain-frame -d 'Which exit a saved frame takes'
complete -c verify-exit -n __verify_exit_is_first -a init -d 'Write a verify-exit.toml with a target for each source…'
complete -c verify-exit -n __verify_exit_is_first -a man -d 'Print the manual page in the language of man(7)'
complete -c verify-exit -n __verify_exit_is_first -a merge -d 'Put the parts of a run together that --shard spread over…'
complete -c verify-exit -n __verify_exit_is_first -a replay -d 'Run the counterexamples and witnesses of a JSON report…'
complete -c verify-exit -n __verify_exit_is_first -a slack -d 'What the fast exits of each file leave to IRET although…'

complete -c verify-exit -n '__verify_exit_in \'\'' -s h -l help -f -d 'show this help message and exit'
complete -c verify-exit -n '__verify_exit_in \'\'' -l entry -x -d 'where execution starts'
complete -c verify-exit -n '__verify_exit_in \'\'' -l contract -r -F -a 'freebsd illumos linux linux-4.0 linux-compat linux-stub linux-sysexit netbsd openbsd sel4 xen' -d 'what the kernel promises'
complete -c verify-exit -n '__verify_exit_in \'\'' -l profile -x -a 'seed safety equivalence' -d 'which clauses must hold'
complete -c verify-exit -n '__verify_exit_in \'\'' -l frame -x -a 'auto contract' -d 'auto'
complete -c verify-exit -n '__verify_exit_in \'\'' -l check-iret -f -d 'judge the IRET exits too'
complete -c verify-exit -n '__verify_exit_in \'\'' -l vendor -x -a 'intel amd both' -d 'this CPU vendor'
complete -c verify-exit -n '__verify_exit_in \'\'' -l paging -x -a 'la48 la57 both' -d 'this linear-address width'
complete -c verify-exit -n '__verify_exit_in \'\'' -l symbols -r -F -d 'names for an image that has none'
complete -c verify-exit -n '__verify_exit_in \'\'' -s p -r -F -d 'assemble a source as its build does'
complete -c verify-exit -n '__verify_exit_in \'\'' -s I -x -a '(__fish_complete_directories)' -d 'search DIR for #include'
complete -c verify-exit -n '__verify_exit_in \'\'' -s D -x -d 'define a macro'
complete -c verify-exit -n '__verify_exit_in \'\'' -l timeout -x -d 'wall-clock limit for each file'
complete -c verify-exit -n '__verify_exit_in \'\'' -l rlimit -x -d 'solver resource limit for each query, the same on any…'
complete -c verify-exit -n '__verify_exit_in \'\'' -l allow-include -x -a '(__fish_complete_directories)' -d 'let a source include files below DIR as well'
complete -c verify-exit -n '__verify_exit_in \'\'' -l why -f -d 'say what each check on the way is for, and which ones…'
complete -c verify-exit -n '__verify_exit_in \'\'' -l challenge -x -d 'run N concrete states, chosen to break the path, on the…'
complete -c verify-exit -n '__verify_exit_in \'\'' -l cross-check -x -a '(__fish_append , bitwuzla cvc5)' -d 'let further solvers answer every obligation'
complete -c verify-exit -n '__verify_exit_in \'\'' -l emit-smt2 -x -a '(__fish_complete_directories)' -d 'write every obligation as an SMT-LIB 2 file'
complete -c verify-exit -n '__verify_exit_in \'\'' -l certificate -x -a '(__fish_complete_directories)' -d 'write a proof of every proved obligation that a separate…'
complete -c verify-exit -n '__verify_exit_in \'\'' -l config -r -F -d 'the configuration file'
complete -c verify-exit -n '__verify_exit_in \'\'' -l no-config -f -d 'read neither a configuration nor a file of waivers'
complete -c verify-exit -n '__verify_exit_in \'\'' -l show-config -f -d 'print every setting with where it comes from, and verify…'
complete -c verify-exit -n '__verify_exit_in \'\'' -l gate -x -a 'advisory new-only strict' -d 'advisory'
complete -c verify-exit -n '__verify_exit_in \'\'' -l baseline -r -F -d 'the JSON report that --gate new-only compares with'
complete -c verify-exit -n '__verify_exit_in \'\'' -l waivers -r -F -d 'violations that somebody answers for'
complete -c verify-exit -n '__verify_exit_in \'\'' -l strict -f -d 'waivers that are unused or expired fail the run'
complete -c verify-exit -n '__verify_exit_in \'\'' -l cache -l no-cache -f -d 'use results of earlier runs of the same code'
complete -c verify-exit -n '__verify_exit_in \'\'' -l jobs -x -d 'verify N inputs at a time, each in a process of its own'
complete -c verify-exit -n '__verify_exit_in \'\'' -l shard -x -d 'verify only every Nth input, beginning with the Ith'
complete -c verify-exit -n '__verify_exit_in \'\'' -l format -x -a '(__verify_exit_formats)' -d 'how results are written'
complete -c verify-exit -n '__verify_exit_in \'\'' -l emit-replay -r -F -d 'write a script that repeats every counterexample and…'
complete -c verify-exit -n '__verify_exit_in \'\'' -l attest -r -F -d 'write an unsigned in-toto statement about the inputs and…'
complete -c verify-exit -n '__verify_exit_in \'\'' -l watch -f -d 'verify again whenever a file that was read is saved'
complete -c verify-exit -n '__verify_exit_in \'\'' -l color -x -a 'auto always never' -d 'colour the text'
complete -c verify-exit -n '__verify_exit_in \'\'' -s v -l verbose -f -d 'everything, with statistics and timings'
complete -c verify-exit -n '__verify_exit_in \'\'' -s q -l quiet -f -d 'only verdicts and one line for each finding'
complete -c verify-exit -n '__verify_exit_in \'\'' -l version -f -d 'show program\'s version number and exit'

complete -c verify-exit -n '__verify_exit_in check-certificate' -s h -l help -f -d 'show this help message and exit'
complete -c verify-exit -n '__verify_exit_in check-certificate' -s q -l quiet -f -d 'only what is not accepted'
complete -c verify-exit -n '__verify_exit_in check-certificate' -f -a '(__fish_complete_directories)'

complete -c verify-exit -n '__verify_exit_in completion' -s h -l help -f -d 'show this help message and exit'
complete -c verify-exit -n '__verify_exit_in completion' -f -a 'bash fish zsh'

complete -c verify-exit -n '__verify_exit_in diff' -s h -l help -f -d 'show this help message and exit'
complete -c verify-exit -n '__verify_exit_in diff' -l entry -x -d 'where execution starts'
complete -c verify-exit -n '__verify_exit_in diff' -l contract -r -F -a 'freebsd illumos linux linux-4.0 linux-compat linux-stub linux-sysexit netbsd openbsd sel4 xen' -d 'what the kernel promises'
complete -c verify-exit -n '__verify_exit_in diff' -l profile -x -a 'seed safety equivalence' -d 'which clauses must hold'
complete -c verify-exit -n '__verify_exit_in diff' -l frame -x -a 'auto contract' -d 'auto'
complete -c verify-exit -n '__verify_exit_in diff' -l check-iret -f -d 'judge the IRET exits too'
complete -c verify-exit -n '__verify_exit_in diff' -l vendor -x -a 'intel amd both' -d 'this CPU vendor'
complete -c verify-exit -n '__verify_exit_in diff' -l paging -x -a 'la48 la57 both' -d 'this linear-address width'
complete -c verify-exit -n '__verify_exit_in diff' -l symbols -r -F -d 'names for an image that has none'
complete -c verify-exit -n '__verify_exit_in diff' -s p -r -F -d 'assemble a source as its build does'
complete -c verify-exit -n '__verify_exit_in diff' -s I -x -a '(__fish_complete_directories)' -d 'search DIR for #include'
complete -c verify-exit -n '__verify_exit_in diff' -s D -x -d 'define a macro'
complete -c verify-exit -n '__verify_exit_in diff' -l timeout -x -d 'wall-clock limit for each file'
complete -c verify-exit -n '__verify_exit_in diff' -l rlimit -x -d 'solver resource limit for each query, the same on any…'
complete -c verify-exit -n '__verify_exit_in diff' -l base-entry -x -d 'where execution starts in BASE, if that is another place…'
complete -c verify-exit -n '__verify_exit_in diff' -l allow-include -x -a '(__fish_complete_directories)' -d 'let a source include files below DIR as well'
complete -c verify-exit -n '__verify_exit_in diff' -l format -x -a '(__verify_exit_formats)' -d 'how the comparison is written'
complete -c verify-exit -n '__verify_exit_in diff' -l color -x -a 'auto always never' -d 'colour the text'

complete -c verify-exit -n '__verify_exit_in doctor' -s h -l help -f -d 'show this help message and exit'
complete -c verify-exit -n '__verify_exit_in doctor' -l json -f -d 'the findings as JSON'
complete -c verify-exit -n '__verify_exit_in doctor' -l color -x -a 'auto always never' -d 'colour the text'
complete -c verify-exit -n '__verify_exit_in doctor' -f

complete -c verify-exit -n '__verify_exit_in explain' -s h -l help -f -d 'show this help message and exit'
complete -c verify-exit -n '__verify_exit_in explain' -f -a 'rip rflags rf canonical cs ss tf rsp gpr.rax gpr.rbx gpr.rcx gpr.rdx gpr.rsi gpr.rdi gpr.rbp gpr.r8 gpr.r9 gpr.r10 gpr.r11 gpr.r12 gpr.r13 gpr.r14 gpr.r15 gs irq stack cr3 ss-attrs star entry-mode nmi serialize ssp xstate nt cpl3 gpr.rsp unsupported-instruction undecodable unresolved-jump unresolved-store loop-bound vacuous no-sysret site-unreached site-undecided entry-unknown patched-code callee-not-followed solver-unknown timeout cover-gap approximation replay-disagrees replay-refused cross-check not-modelled-exit trap-on-user-stack waived stopped promise-missing relocation state-limit unknown not-applicable bug-table calls-abi calls-end calls-helpers calls-indirect calls-own-stack calls-system-state code-constant contract-cr3 contract-direction contract-gs contract-interrupts contract-interrupts-after-call contract-layout contract-nested-task contract-ss-descriptor contract-stores cr3-no-iret-exit cr3-valid entry-cpl0 entry-found hlt-stops image-mapped layout leaves-analysed-code no-concurrent-writes no-fault-resume no-indirect-entry own-stack patched-calls patched-thunks regions-disjoint shadow-stack-apart ss-selector-flat stack-pointers static-keys static-keys-constant thunks traps-end traps-resume unpatched-sites promise-entry-mode promise-star promise-nmi promise-serialize promise-ssp promise-xstate promise-user-frame promise-user32-rip freebsd illumos linux linux-4.0 linux-compat linux-stub linux-sysexit netbsd openbsd sel4 xen usage unknown-id output-unwritable diff-contracts emit-smt2 certificate cross-check-missing cross-check-unknown bad-report bad-part parts-differ nothing-to-replay frame-value frame-name dump-invalid config-not-found config-unreadable config-invalid config-too-large config-unknown-key config-bad-type config-bad-value config-no-targets config-no-match config-outside config-too-many config-exists baseline-missing baseline-invalid baseline-inconclusive baseline-old baseline-error baseline-options waivers-missing waivers-invalid contract-not-found contract-invalid contract-lacks-key frame-auto header-bad-args header-duplicate-key header-empty-value header-too-long header-unknown-key input-not-found input-invalid input-too-large bad-image bad-object bad-symbols symbols-mismatch too-many-exits git-missing not-a-repository revision-unknown revision-path revision-too-large revision-tree no-assembler preprocessor-error assembler-error assembler-limit bad-define include-dir-not-found include-refused build-not-found build-flags entry-ambiguous entry-not-found entry-unfit internal-error text concise json sarif junit ktap github markdown html lkml parts advisory new-only strict 0 1 2 3 4 5 70 130'

complete -c verify-exit -n '__verify_exit_in explain-frame' -s h -l help -f -d 'show this help message and exit'
complete -c verify-exit -n '__verify_exit_in explain-frame' -l set -x -d 'what the frame holds'
complete -c verify-exit -n '__verify_exit_in explain-frame' -l dump -r -F -d 'take the frame from registers as an oops, GDB or QEMU\'s…'
complete -c verify-exit -n '__verify_exit_in explain-frame' -l entry -x -d 'where execution starts'
complete -c verify-exit -n '__verify_exit_in explain-frame' -l contract -r -F -a 'freebsd illumos linux linux-4.0 linux-compat linux-stub linux-sysexit netbsd openbsd sel4 xen' -d 'what the kernel promises'
complete -c verify-exit -n '__verify_exit_in explain-frame' -l profile -x -a 'seed safety equivalence' -d 'which clauses must hold'
complete -c verify-exit -n '__verify_exit_in explain-frame' -l frame -x -a 'auto contract' -d 'auto'
complete -c verify-exit -n '__verify_exit_in explain-frame' -l check-iret -f -d 'judge the IRET exits too'
complete -c verify-exit -n '__verify_exit_in explain-frame' -l vendor -x -a 'intel amd both' -d 'this CPU vendor'
complete -c verify-exit -n '__verify_exit_in explain-frame' -l paging -x -a 'la48 la57 both' -d 'this linear-address width'
complete -c verify-exit -n '__verify_exit_in explain-frame' -l symbols -r -F -d 'names for an image that has none'
complete -c verify-exit -n '__verify_exit_in explain-frame' -s p -r -F -d 'assemble a source as its build does'
complete -c verify-exit -n '__verify_exit_in explain-frame' -s I -x -a '(__fish_complete_directories)' -d 'search DIR for #include'
complete -c verify-exit -n '__verify_exit_in explain-frame' -s D -x -d 'define a macro'
complete -c verify-exit -n '__verify_exit_in explain-frame' -l timeout -x -d 'wall-clock limit for each file'
complete -c verify-exit -n '__verify_exit_in explain-frame' -l rlimit -x -d 'solver resource limit for each query, the same on any…'
complete -c verify-exit -n '__verify_exit_in explain-frame' -l allow-include -x -a '(__fish_complete_directories)' -d 'let a source include files below DIR as well'
complete -c verify-exit -n '__verify_exit_in explain-frame' -l format -x -a 'text json' -d 'how it is written'

complete -c verify-exit -n '__verify_exit_in init' -s h -l help -f -d 'show this help message and exit'
complete -c verify-exit -n '__verify_exit_in init' -l print -f -d 'print it, and write nothing'
complete -c verify-exit -n '__verify_exit_in init' -f -a '(__fish_complete_directories)'

complete -c verify-exit -n '__verify_exit_in man' -s h -l help -f -d 'show this help message and exit'
complete -c verify-exit -n '__verify_exit_in man' -f

complete -c verify-exit -n '__verify_exit_in merge' -s h -l help -f -d 'show this help message and exit'
complete -c verify-exit -n '__verify_exit_in merge' -l config -r -F -d 'where formats, gate and waivers are taken from'
complete -c verify-exit -n '__verify_exit_in merge' -l no-config -f -d 'read neither a configuration nor a file of waivers'
complete -c verify-exit -n '__verify_exit_in merge' -l gate -x -a 'advisory new-only strict' -d 'advisory'
complete -c verify-exit -n '__verify_exit_in merge' -l baseline -r -F -d 'the JSON report that --gate new-only compares with'
complete -c verify-exit -n '__verify_exit_in merge' -l waivers -r -F -d 'violations that somebody answers for'
complete -c verify-exit -n '__verify_exit_in merge' -l strict -f -d 'waivers that are unused or expired fail the run'
complete -c verify-exit -n '__verify_exit_in merge' -l format -x -a '(__verify_exit_formats)' -d 'how results are written'
complete -c verify-exit -n '__verify_exit_in merge' -l emit-replay -r -F -d 'write a script that repeats every counterexample and…'
complete -c verify-exit -n '__verify_exit_in merge' -l attest -r -F -d 'write an unsigned in-toto statement about the inputs and…'
complete -c verify-exit -n '__verify_exit_in merge' -l color -x -a 'auto always never' -d 'colour the text'
complete -c verify-exit -n '__verify_exit_in merge' -s v -l verbose -f -d 'everything, with statistics and timings'
complete -c verify-exit -n '__verify_exit_in merge' -s q -l quiet -f -d 'only verdicts and one line for each finding'

complete -c verify-exit -n '__verify_exit_in replay' -s h -l help -f -d 'show this help message and exit'
complete -c verify-exit -n '__verify_exit_in replay' -s v -l verbose -f -d 'both outcomes of every run'
complete -c verify-exit -n '__verify_exit_in replay' -s q -l quiet -f -d 'only runs that did not end as recorded'

complete -c verify-exit -n '__verify_exit_in slack' -s h -l help -f -d 'show this help message and exit'
complete -c verify-exit -n '__verify_exit_in slack' -l entry -x -d 'where execution starts'
complete -c verify-exit -n '__verify_exit_in slack' -l contract -r -F -a 'freebsd illumos linux linux-4.0 linux-compat linux-stub linux-sysexit netbsd openbsd sel4 xen' -d 'what the kernel promises'
complete -c verify-exit -n '__verify_exit_in slack' -l profile -x -a 'seed safety equivalence' -d 'which clauses must hold'
complete -c verify-exit -n '__verify_exit_in slack' -l frame -x -a 'auto contract' -d 'auto'
complete -c verify-exit -n '__verify_exit_in slack' -l check-iret -f -d 'judge the IRET exits too'
complete -c verify-exit -n '__verify_exit_in slack' -l vendor -x -a 'intel amd both' -d 'this CPU vendor'
complete -c verify-exit -n '__verify_exit_in slack' -l paging -x -a 'la48 la57 both' -d 'this linear-address width'
complete -c verify-exit -n '__verify_exit_in slack' -l symbols -r -F -d 'names for an image that has none'
complete -c verify-exit -n '__verify_exit_in slack' -s p -r -F -d 'assemble a source as its build does'
complete -c verify-exit -n '__verify_exit_in slack' -s I -x -a '(__fish_complete_directories)' -d 'search DIR for #include'
complete -c verify-exit -n '__verify_exit_in slack' -s D -x -d 'define a macro'
complete -c verify-exit -n '__verify_exit_in slack' -l timeout -x -d 'wall-clock limit for each file'
complete -c verify-exit -n '__verify_exit_in slack' -l rlimit -x -d 'solver resource limit for each query, the same on any…'
complete -c verify-exit -n '__verify_exit_in slack' -l allow-include -x -a '(__fish_complete_directories)' -d 'let a source include files below DIR as well'
complete -c verify-exit -n '__verify_exit_in slack' -l cache -l no-cache -f -d 'use earlier results'
complete -c verify-exit -n '__verify_exit_in slack' -l jobs -x -d 'so many files at a time'
complete -c verify-exit -n '__verify_exit_in slack' -l format -x -a 'text json' -d 'how it is written'
complete -c verify-exit -n '__verify_exit_in slack' -l color -x -a 'auto always never' -d 'colour the text'
complete -c verify-exit -n '__verify_exit_in slack' -s v -l verbose -f -d 'everything, with statistics and timings'
complete -c verify-exit -n '__verify_exit_in slack' -s q -l quiet -f -d 'only verdicts and one line for each finding'

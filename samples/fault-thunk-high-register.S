# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Linux arch/x86/lib/retpoline.S (pattern); Intel SDM vol. 2A, JMP: REX.B makes RDX R10

// A jump through R10, with the address of other code in RDX.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	leaq	right(%rip), %r10
	leaq	trusted(%rip), %rdx
	jmp	__x86_indirect_thunk_r10
right:
	finish_exit

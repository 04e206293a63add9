# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# EXPECT:   proved
# ORIGIN:   Linux arch/x86/include/asm/alternative.h (pattern): code that is patched at boot is judged unpatched
#include "exit.h"

// The verdict lists the assumption "unpatched-sites".

	.globl	exit_to_user
exit_to_user:
	need_everything slow
661:
	.byte	0x90, 0x90, 0x90
662:
	leave_by_sysret

slow:
	leave_by_iret

	.section	.altinstructions, "a"
	.long	661b - .
	.long	663f - .
	.word	1
	.byte	662b - 661b
	.byte	664f - 663f
	.section	.altinstr_replacement, "ax"
663:
	clac
664:

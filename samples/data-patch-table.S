# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Linux arch/x86/include/asm/alternative.h (pattern): an entry in the form of 5.13 to 6.2, 12 bytes long

// A table in an older form of its entries is read as well: NOPs become CLAC. The
// verdict is about both.

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
661:
	.byte	0x90, 0x90, 0x90
662:
	leave_by_sysret
slow:
	leave_by_iret
	.section	.altinstructions, "a"
	.long	661b - .
	.long	663f - .
	.word	9 * 32 + 20
	.byte	662b - 661b
	.byte	664f - 663f
	.section	.altinstr_replacement, "ax"
663:
	clac
664:

# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated rip, rflags, rf, canonical, cs, ss, tf, rsp, gpr.rcx, gpr.r11
# ARGS:     --check-iret
# ORIGIN:   Linux arch/x86/include/asm/alternative.h (pattern): the exit itself is a site

// The same where the IRET exits are judged as well: there are two exits at one
// address, and each has its own clauses.

#include "patch.h"

	.globl	exit_to_user
exit_to_user:
	fill_all_but	rcx, r11
	addq	$at_rip, %rsp
	swapgs
	patch	"iretq; nop", "sysretq", feature_smap

# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive not-modelled-exit
# ORIGIN:   Linux arch/x86/include/asm/alternative.h (pattern): the exit itself is a site

// With SMAP the exit is SYSRETL, of which the contract says nothing.

#include "patch.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	fill_all_but	rcx, r11
	movq	at_rsp(%rsp), %rsp
	swapgs
	patch	"sysretq", "sysretl", feature_smap
slow:
	leave_by_iret

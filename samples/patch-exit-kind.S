# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated rip, rflags, rf, canonical, cs, ss, tf, rsp, gpr.rcx, gpr.r11
# ORIGIN:   Linux arch/x86/include/asm/alternative.h (pattern): the exit itself is a site

// The file leaves by IRETQ, with SMAP boot code writes SYSRETQ over it: nothing
// was tested, and RSP is still the kernel's.

#include "patch.h"

	.globl	exit_to_user
exit_to_user:
	fill_all_but	rcx, r11
	addq	$at_rip, %rsp
	swapgs
	patch	"iretq; nop", "sysretq", feature_smap

# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive unresolved-jump
# ORIGIN:   Linux pv_cpu_ops.usergs_sysret64 (until 5.10)

// The last step goes through a hook that is patched at boot. In the file it is
// a jump through writable memory, and nothing is known of its target.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	fill_all_but	rcx, r11
	movq	at_rsp(%rsp), %rsp
	jmp	*user_sysret_hook(%rip)
slow:
	leave_by_iret
native:
	swapgs
	sysretq
	.data
	.balign	8
user_sysret_hook:
	.quad	native

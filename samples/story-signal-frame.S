# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Linux arch/x86/kernel/signal_64.c: what signal delivery writes to the frame

// Signal delivery points RIP to the handler and RSP to the signal frame; RCX
// stays as it was. The tests see that and take IRETQ unless RCX equals the
// handler's address.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	cmpl	$0, %gs:0x40		// no signal
	je	1f
	movq	%gs:0x48, %rax		// the handler
	movq	%rax, at_rip(%rsp)
	movq	%gs:0x50, %rax		// its stack
	movq	%rax, at_rsp(%rsp)
	movl	$5, at_rdi(%rsp)
	movl	$0, at_rdi+4(%rsp)
	andl	$~(flag_RF | flag_TF | 1 << 10), at_rflags(%rsp)
1:	need_everything	slow
	leave_by_sysret
slow:
	leave_by_iret

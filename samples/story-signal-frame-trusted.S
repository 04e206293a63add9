# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated rip, rflags
# ORIGIN:   Linux arch/x86/kernel/signal_64.c: what signal delivery writes to the frame

// The exit trusts that RCX is RIP and R11 the flags since SYSCALL, and tests
// the frame for the rest. A signal breaks that.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	cmpl	$0, %gs:0x40
	je	1f
	movq	%gs:0x48, %rax
	movq	%rax, at_rip(%rsp)
	andl	$~(flag_RF | flag_TF | 1 << 10), at_rflags(%rsp)
	jmp	2f
1:	movq	at_rip(%rsp), %rcx		// what SYSCALL did
	movq	%rcx, at_rcx(%rsp)
	movq	at_rflags(%rsp), %r11
	movq	%r11, at_r11(%rsp)
2:	begin_tests
	need_canonical	slow
	need_user_cs	slow
	need_user_ss	slow
	need_flags_clear	flag_RF | flag_TF, slow
	leave_by_sysret
slow:
	leave_by_iret

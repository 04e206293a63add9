# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Intel SDM vol. 2B, XCHG

// RAX and RDX are loaded crosswise and exchanged; RSP comes in by an XCHG with
// RCX, which holds the user's stack pointer while RSP holds the return
// address. Interrupts are off, so nobody uses that stack.

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	begin_tests
	need_rcx_is_rip slow
	need_canonical slow
	need_user_cs slow
	need_user_ss slow
	need_r11_is_rflags slow
	need_flags_clear flag_RF | flag_TF, slow
	fill_all_but rcx, r11, rax, rdx
	movq	at_rax(%rsp), %rdx
	movq	at_rdx(%rsp), %rax
	xchgq	%rax, %rdx
	movq	at_rsp(%rsp), %rcx
	movq	at_rcx(%rsp), %rsp	// the same value that was tested
	xchgq	%rcx, %rsp
	swapgs
	sysretq

slow:
	leave_by_iret

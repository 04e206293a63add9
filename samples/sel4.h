# SPDX-License-Identifier: BSD-2-Clause
# FRAGMENT
// The frame of contract "sel4": the registers of a thread in the order of
// seL4's enum _register, RSP at the first one. There is no per-CPU area here
// and no SWAPGS: the user's GS base is active already.

	.set	at_rflags, 104
	.set	at_rip, 112
	.set	at_error, 120
	.set	at_cs, 160
	.set	at_ss, 168
	.set	sel_user_code, 0x2b
	.set	sel_user_stack, 0x33
	.set	flag_TF, 1 << 8
	.set	flag_RF, 1 << 16

// -1 marks a thread that is in a system call.
	.macro	need_in_syscall else
	cmpq	$-1, at_error(%rsp)
	jne	\else
	.endm

	.macro	need_canonical else
	movq	at_rip(%rsp), %rcx
	sarq	$47, %rcx
	incl	%ecx
	cmpl	$1, %ecx
	ja	\else
	.endm

// RSP walks over the registers. A system call does not give it back: it is
// cleared, and the user has kept it elsewhere.
	.macro	leave_by_sysret
	.irp	reg, rdi, rsi, rax, rbx, rbp, r12, r13, r14, rdx, r10, r8, r9, r15, r11, rcx
	popq	%\reg
	.endr
	xorl	%esp, %esp
	sysretq
	.endm

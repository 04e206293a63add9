# SPDX-License-Identifier: BSD-2-Clause
# FRAGMENT
// The frame of contract "netbsd", in the order of NetBSD's struct trapframe,
// and the parts that all its samples share. R14 is the current thread; its
// offsets and the per-CPU ones are made up.

	.set	at_rip, 200
	.set	at_rflags, 216
	.set	at_rsp, 224
	.set	lwp_work, 0x80
	.set	lwp_flags, 0x84
	.set	need_iret, 6

	.macro	load_user_registers
	.set	place, 0
	.irp	reg, rdi, rsi, rdx, r10, r8, r9
	movq	place(%rsp), %\reg
	.set	place, place + 8
	.endr
	.set	place, 80
	.irp	reg, rcx, r11, r12, r13, r14, r15, rbp, rbx, rax
	movq	place(%rsp), %\reg
	.set	place, place + 8
	.endr
	.endm

// Pending work is for other code, which comes back here when all is done. From
// this test on no interrupt can bring new work.
	.macro	need_no_work else
	cli
	cmpl	$0, lwp_work(%r14)
	jne	\else
	.endm

	.macro	leave_by_sysret
	load_user_registers
	swapgs
	movq	at_rip(%rsp), %rcx
	movq	at_rflags(%rsp), %r11
	movq	at_rsp(%rsp), %rsp
	sysretq
	.endm

	.macro	leave_by_iret
	load_user_registers
	swapgs
	addq	$at_rip, %rsp
	iretq
	.endm

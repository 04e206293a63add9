# SPDX-License-Identifier: BSD-2-Clause
# FRAGMENT
// The frame of contract "freebsd", in the order of FreeBSD's struct trapframe,
// and the parts that all its samples share. The per-CPU and per-thread offsets
// are made up.

	.set	at_rdi, 0
	.set	at_rsi, 8
	.set	at_rdx, 16
	.set	at_rax, 48
	.set	at_err, 144
	.set	at_rip, 152
	.set	at_rflags, 168
	.set	at_rsp, 176
	.set	pcpu_thread_pcb, 0x20
	.set	pcpu_user_cr3, 0x48
	.set	pcb_flags, 0xf8
	.set	need_full_return, 1

	.macro	need_flag_clear else
	movq	%gs:pcpu_thread_pcb, %rax
	testl	$need_full_return, pcb_flags(%rax)
	jnz	\else
	.endm

// FreeBSD has this test in C: the flag is set for an address that is not
// below the end of user space.
	.macro	need_user_address else
	movabsq	$0x0000800000000000, %rcx
	cmpq	%rcx, at_rip(%rsp)
	jae	\else
	.endm

// The six callee-saved registers are still the user's, the five that the system
// call gives up are cleared or hold the address and the flags.
	.macro	load_for_sysret
	movq	at_rdi(%rsp), %rdi
	movq	at_rsi(%rsp), %rsi
	movq	at_rdx(%rsp), %rdx
	movq	at_rax(%rsp), %rax
	movq	at_rflags(%rsp), %r11
	movq	at_rip(%rsp), %rcx
	movq	at_rsp(%rsp), %rsp
	xorl	%r8d, %r8d
	xorl	%r10d, %r10d
	.endm

	.macro	leave_by_sysret
	load_for_sysret
	xorl	%r9d, %r9d
	swapgs
	sysretq
	.endm

// With page-table isolation the user's table is loaded; the flag is a global.
	.macro	isolate
	cmpb	$0, isolation(%rip)
	je	1f
	movq	%gs:pcpu_user_cr3, %r9
	movq	%r9, %cr3
1:
	.endm

	.macro	leave_by_iret
	.set	place, 0
	.irp	reg, rdi, rsi, rdx, rcx, r8, r9, rax, rbx, rbp, r10, r11, r12, r13, r14, r15
	movq	place(%rsp), %\reg
	.set	place, place + 8
	.endr
	addq	$at_rip, %rsp
	swapgs
	iretq
	.endm

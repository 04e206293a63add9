# SPDX-License-Identifier: BSD-2-Clause
# FRAGMENT
// The frame of contract "openbsd", in the order of OpenBSD's struct trapframe,
// and the parts that all its samples share. R14 is the current process; its
// offsets are made up. The two ways out keep the page table: OpenBSD patches the
// switch in only on CPUs that need it.

	.set	at_rdi, 0
	.set	at_rsi, 8
	.set	at_rdx, 16
	.set	at_rcx, 24
	.set	at_r8, 32
	.set	at_r9, 40
	.set	at_r10, 48
	.set	at_r11, 56
	.set	at_r12, 64
	.set	at_r13, 72
	.set	at_r14, 80
	.set	at_r15, 88
	.set	at_rbx, 104
	.set	at_rax, 112
	.set	at_rbp, 128
	.set	at_rip, 136
	.set	at_cs, 144
	.set	at_rflags, 152
	.set	at_rsp, 160
	.set	at_ss, 168
	.set	sel_user_code, 0x23
	.set	sel_user_stack, 0x1b
	.set	flag_TF, 1 << 8
	.set	flag_RF, 1 << 16
	.set	proc_flags, 0x70
	.set	need_iret, 1

	.macro	load_most_registers
	.irp	reg, rdi, rsi, r8, r9, r10, r12, r13, r14, r15, rbp, rbx, rdx, rax
	movq	at_\reg(%rsp), %\reg
	.endr
	.endm

	.macro	load_for_sysret
	load_most_registers
	movq	at_rip(%rsp), %rcx
	movq	at_rflags(%rsp), %r11
	movq	at_rsp(%rsp), %rsp
	.endm

	.macro	leave_by_sysret
	load_for_sysret
	swapgs
	sysretq
	.endm

	.macro	load_for_iret
	load_most_registers
	movq	at_rcx(%rsp), %rcx
	movq	at_r11(%rsp), %r11
	addq	$at_rip, %rsp
	.endm

	.macro	leave_by_iret
	load_for_iret
	swapgs
	iretq
	.endm

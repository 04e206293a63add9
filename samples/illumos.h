# SPDX-License-Identifier: BSD-2-Clause
# FRAGMENT
// The frame of contract "illumos", in the order of illumos' struct regs, and
// the parts that all its samples share. Page-table isolation is off.

	.set	at_rdi, 16
	.set	at_r9, 56
	.set	at_rip, 200
	.set	at_rflags, 216
	.set	at_rsp, 224

// Thirteen registers; RCX and R11 are needed for the address and the flags.
	.macro	load_most_registers
	.set	place, at_rdi
	.irp	reg, rdi, rsi, rdx, rcx, r8, r9, rax, rbx, rbp, r10, r11, r12, r13, r14, r15
	.ifnc	\reg,rcx
	.ifnc	\reg,r11
	movq	place(%rsp), %\reg
	.endif
	.endif
	.set	place, place + 8
	.endr
	.endm

// Test and arithmetic in 64 bits: the shift leaves 0 or -1 if the address is
// canonical, the increment makes that 1 or 0.
	.macro	need_canonical else
	movq	at_rip(%rsp), %rcx
	sarq	$47, %rcx
	incq	%rcx
	cmpq	$1, %rcx
	ja	\else
	.endm

// The trampoline that every SYSRETQ of the system goes through. It runs on the
// user's RSP and so must not use it.
	.macro	trampoline
to_user:
	swapgs
	sysretq
	.endm

	.macro	leave_by_sysret
	load_most_registers
	movq	at_rip(%rsp), %rcx
	movl	at_rflags(%rsp), %r11d
	movq	at_rsp(%rsp), %rsp
	jmp	to_user
	.endm

	.macro	leave_by_iret
	movq	40(%rsp), %rcx
	movq	96(%rsp), %r11
	load_most_registers
	swapgs
	addq	$at_rip, %rsp
	iretq
	.endm

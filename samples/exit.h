# SPDX-License-Identifier: BSD-2-Clause
# FRAGMENT
// The words that most samples are written in. None of this is kernel code.
// The offsets are those of the frame in contract "linux": RSP points at the
// saved R15, the five words for IRETQ are at the top. A sample spells out
// the part that it is about and takes the rest from here.

	.set	at_r15, 0
	.set	at_r14, 8
	.set	at_r13, 16
	.set	at_r12, 24
	.set	at_rbp, 32
	.set	at_rbx, 40
	.set	at_r11, 48
	.set	at_r10, 56
	.set	at_r9, 64
	.set	at_r8, 72
	.set	at_rax, 80
	.set	at_rcx, 88
	.set	at_rdx, 96
	.set	at_rsi, 104
	.set	at_rdi, 112
	.set	at_rip, 128
	.set	at_cs, 136
	.set	at_rflags, 144
	.set	at_rsp, 152
	.set	at_ss, 160

	.set	sel_user_code, 0x33
	.set	sel_user_stack, 0x2b
	.set	flag_TF, 1 << 8
	.set	flag_RF, 1 << 16

// Load one register from its own slot.
	.macro	fill reg
	movq	at_\reg(%rsp), %\reg
	.endm

// Load all fifteen registers from their slots, except those listed.
	.macro	fill_all_but omit:vararg
	.irp	reg, r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi
	.set	omitted, 0
	.irp	name, \omit
	.ifc	\reg,\name
	.set	omitted, 1
	.endif
	.endr
	.if	omitted == 0
	fill	\reg
	.endif
	.endr
	.endm

// RCX and R11 as user space shall see them; SYSRETQ also takes RIP and RFLAGS
// from them, which is what the tests below have to justify.
	.macro	begin_tests
	fill	rcx
	fill	r11
	.endm

	.macro	need_rcx_is_rip else
	cmpq	at_rip(%rsp), %rcx
	jne	\else
	.endm

	.macro	need_canonical else
	movq	%rcx, %rax
	shrq	$47, %rax
	jnz	\else
	.endm

	.macro	need_user_cs else
	cmpq	$sel_user_code, at_cs(%rsp)
	jne	\else
	.endm

	.macro	need_user_ss else
	cmpq	$sel_user_stack, at_ss(%rsp)
	jne	\else
	.endm

	.macro	need_r11_is_rflags else
	cmpq	at_rflags(%rsp), %r11
	jne	\else
	.endm

	.macro	need_flags_clear flags, else
	testl	$(\flags), at_rflags(%rsp)
	jnz	\else
	.endm

// Every test, for the samples that are about something else.
	.macro	need_everything else
	begin_tests
	need_rcx_is_rip \else
	need_canonical \else
	need_user_cs \else
	need_user_ss \else
	need_r11_is_rflags \else
	need_flags_clear flag_RF | flag_TF, \else
	.endm

// The two ways out. The first keeps the RCX and R11 that were tested.
	.macro	leave_by_sysret
	fill_all_but rcx, r11
	movq	at_rsp(%rsp), %rsp
	swapgs
	sysretq
	.endm

	.macro	leave_by_iret
	fill_all_but
	addq	$at_rip, %rsp
	swapgs
	iretq
	.endm

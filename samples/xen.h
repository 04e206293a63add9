# SPDX-License-Identifier: BSD-2-Clause
# FRAGMENT
// The frame of contract "xen", in the order of Xen's struct cpu_user_regs, and
// the parts that all its samples share. The guest's GS base is never switched,
// so there is no SWAPGS.

	.set	at_vector, 120
	.set	syscall_bit, 0x100		// in the upper half of the vector word
	.set	sel_guest_code, 0xe033
	.set	sel_guest_code_32, 0xe023
	.set	sel_guest_stack, 0xe02b
	.set	sel_own_stack, 0xe010		// a data segment of the hypervisor's
	.set	flag_TF, 1 << 8
	.set	flag_RF, 1 << 16

// Load the fifteen registers and leave RSP at the vector word: the address is
// then at 8, CS at 16, RFLAGS at 24, RSP at 32, SS at 40.
	.macro	load_guest_registers
	.set	place, 0
	.irp	reg, r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi
	movq	place(%rsp), %\reg
	.set	place, place + 8
	.endr
	addq	$at_vector, %rsp
	.endm

	.macro	need_canonical else
	movq	8(%rsp), %rcx
	sarq	$47, %rcx
	incl	%ecx
	cmpl	$1, %ecx
	ja	\else
	.endm

// A 32-bit guest leaves by SYSRETL in Xen and by IRETQ in these samples.
	.macro	need_64_bit_guest else
	cmpw	$sel_guest_code_32, 16(%rsp)
	je	\else
	.endm

	.macro	leave_by_sysret
	movq	8(%rsp), %rcx
	movq	24(%rsp), %r11
	movq	32(%rsp), %rsp
	sysretq
	.endm

	.macro	leave_by_iret
	addq	$8, %rsp
	iretq
	.endm

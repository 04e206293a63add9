# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux-sysexit
# EXPECT:   violated entry-mode, rflags
# ARGS:     --vendor amd
# ORIGIN:   APM vol. 3, SYSEXIT: #UD in long mode

	.set	at_rip, 0x50
	.set	at_cs, 0x58
	.set	at_rflags, 0x60
	.set	at_rsp, 0x68
	.set	at_ss, 0x70
	.set	at_rax, 0x20
	.set	at_rsi, 0x38
	.set	at_rdi, 0x40

	.globl	exit_to_user
exit_to_user:
	movl	at_rip(%rsp), %edx
	cmpq	%rdx, at_rip(%rsp)	// nothing above 4 GiB
	jne	slow
	movl	at_rsp(%rsp), %ecx
	cmpq	%rcx, at_rsp(%rsp)
	jne	slow
	cmpq	$0x23, at_cs(%rsp)
	jne	slow
	cmpq	$0x2b, at_ss(%rsp)
	jne	slow
	movq	at_rflags(%rsp), %r8
	testl	$0x10100, %r8d		// TF and RF
	jnz	slow
	btrq	$9, %r8			// IF comes back with STI
	jnc	slow
	movq	at_rax(%rsp), %rax
	movq	at_rsi(%rsp), %rsi
	movq	at_rdi(%rsp), %rdi
	pushq	%r8
	swapgs
	popfq
	sti
	sysexitl

slow:
	jmp	leave_by_iret

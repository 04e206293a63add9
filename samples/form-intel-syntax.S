# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Intel SDM vol. 2B, SYSRET; assembler syntax makes no difference

// A whole exit in Intel syntax, without the macros of the other samples.

	.intel_syntax noprefix
	.globl	exit_to_user
exit_to_user:
	mov	rcx, [rsp + 88]
	mov	r11, [rsp + 48]
	cmp	rcx, [rsp + 128]
	jne	slow
	mov	rax, rcx
	sar	rax, 47
	jnz	slow
	cmp	word ptr [rsp + 136], 0x33
	jne	slow
	cmp	word ptr [rsp + 160], 0x2b
	jne	slow
	cmp	r11, [rsp + 144]
	jne	slow
	test	r11d, 0x10100
	jnz	slow
	call	reload
	mov	rsp, [rsp + 152]
	swapgs
	sysretq

slow:
	call	reload
	mov	rcx, [rsp + 88]
	mov	r11, [rsp + 48]
	add	rsp, 128
	swapgs
	iretq

// All registers but RCX and R11; the return address makes the offsets 8 larger.
reload:
	mov	r15, [rsp + 8]
	mov	r14, [rsp + 16]
	mov	r13, [rsp + 24]
	mov	r12, [rsp + 32]
	mov	rbp, [rsp + 40]
	mov	rbx, [rsp + 48]
	mov	r10, [rsp + 64]
	mov	r9, [rsp + 72]
	mov	r8, [rsp + 80]
	mov	rax, [rsp + 88]
	mov	rdx, [rsp + 104]
	mov	rsi, [rsp + 112]
	mov	rdi, [rsp + 120]
	ret

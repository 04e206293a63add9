# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: foreign.toml
# EXPECT:   violated rf, canonical, cs, ss, tf, gpr.rcx, gpr.r11; ss-attrs on amd:la48 amd:la57
# ORIGIN:   written by mistake: ADC adds the last test to an accumulator that may be all ones, and wraps to 0 (SDM vol. 2A, ADC)

	.intel_syntax noprefix
	.set	KEEP, 0x10100		# RF and TF
	.text
	.globl leave_kernel
	.type leave_kernel, @function
leave_kernel:
	cli
	mov	rbx, gs:[0x10]		# thread
.Lagain:
	test	dword ptr [rbx + 0x20], 7
	jz	.Lnothing
	sti
	mov	rdi, rbp
	call	thread_exit_work
	cli
	mov	rbx, gs:[0x10]
	jmp	.Lagain
.Lnothing:
	mov	rcx, [rbp + 16 + 0x88]
	mov	r11, [rbp + 16 + 0x98]
	xor	eax, eax
	mov	rdx, rcx
	sar	rdx, 46
	lea	rdx, [rdx + 1]
	cmp	rdx, 2
	setae	al			# outside of the canonical halves, a bit stricter than needed
	cmp	word ptr [rbp + 16 + 0x90], 0x2b
	setne	ah
	or	al, ah
	movzx	esi, word ptr [rbp + 16 + 0xa8]
	sub	esi, 0x23
	or	eax, esi
	mov	esi, r11d
	and	esi, KEEP
	or	eax, esi
	cmp	rcx, [rbp + 16 + 0x60]
	setne	dl
	movzx	edx, dl
	or	eax, edx
	cmp	r11, [rbp + 16 + 0x20]
	setne	dl
	movzx	edx, dl
	or	eax, edx
	bt	r11, 9
	cmc
	adc	eax, 0
	test	eax, eax
	jnz	.Liret
	lea	rsp, [rbp + 16]
	pop	r15
	pop	r14
	pop	r13
	pop	r12
	add	rsp, 8
	pop	r10
	pop	r9
	pop	r8
	pop	rbp
	pop	rsi
	pop	rdi
	pop	rdx
	add	rsp, 8
	pop	rbx
	pop	rax
	mov	rsp, [rsp + 0xa0 - 0x78]
	swapgs
	rex.w sysret
.Liret:
	lea	rsp, [rbp + 16]
	pop	r15
	pop	r14
	pop	r13
	pop	r12
	pop	r11
	pop	r10
	pop	r9
	pop	r8
	pop	rbp
	pop	rsi
	pop	rdi
	pop	rdx
	pop	rcx
	pop	rbx
	pop	rax
	add	rsp, 16
	swapgs
	iretq

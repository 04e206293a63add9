# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux-4.0
# ENTRY:    return_to_user
# EXPECT:   proved
# ORIGIN:   Linux commit 17be0aec74fb on the frame of 2a23c6b8a9c4: the successor of linux-2015-tf-tested.S

// Only the test of the address is another one: sign-extend and compare. Frames
// in the kernel's half take SYSRETQ as well; user space cannot tell.

#define SAVED_R11	0
#define SAVED_R10	8
#define SAVED_R9	16
#define SAVED_R8	24
#define SAVED_RAX	32
#define SAVED_RCX	40
#define SAVED_RDX	48
#define SAVED_RSI	56
#define SAVED_RDI	64
#define FRAME_RIP	80
#define FRAME_CS	88
#define FRAME_FLAGS	96
#define FRAME_RSP	104
#define FRAME_SS	112

#define FLAG_TF		(1 << 8)
#define FLAG_RF		(1 << 16)

	.macro	take_back_but_r11
	movq	SAVED_R10(%rsp), %r10
	movq	SAVED_R9(%rsp), %r9
	movq	SAVED_R8(%rsp), %r8
	movq	SAVED_RAX(%rsp), %rax
	movq	SAVED_RCX(%rsp), %rcx
	movq	SAVED_RDX(%rsp), %rdx
	movq	SAVED_RSI(%rsp), %rsi
	movq	SAVED_RDI(%rsp), %rdi
	.endm

	.globl	return_to_user
return_to_user:
	movq	SAVED_RCX(%rsp), %rcx
	movq	FRAME_RIP(%rsp), %r11
	cmpq	%rcx, %r11
	jne	by_iret
	shlq	$16, %rcx
	sarq	$16, %rcx
	cmpq	%rcx, %r11
	jne	by_iret

	cmpq	$0x33, FRAME_CS(%rsp)
	jne	by_iret
	cmpq	$0x2b, FRAME_SS(%rsp)
	jne	by_iret

	movq	SAVED_R11(%rsp), %r11
	cmpq	%r11, FRAME_FLAGS(%rsp)
	jne	by_iret
	testq	$(FLAG_RF | FLAG_TF), %r11
	jnz	by_iret

	take_back_but_r11
	movq	FRAME_RSP(%rsp), %rsp
	swapgs
	sysretq

by_iret:
	take_back_but_r11
	movq	SAVED_R11(%rsp), %r11
	addq	$FRAME_RIP, %rsp
	swapgs
	iretq

# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux-4.0
# ENTRY:    return_to_user
# EXPECT:   proved
# ORIGIN:   Linux commits 7ea24169097d and 17be0aec74fb on top of 2a23c6b8a9c4

// What became of linux-2015-opportunistic: TF is tested together with RF, and the
// address is compared with its own sign extension instead of shifted to zero.

// Own words for the frame of this contract: RSP points at the saved R11; the
// six registers that a C function keeps are live and not in the frame.

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

#define IGNORED_BITS	16		// above the sign of a 48-bit address
#define FLAG_TF		(1 << 8)
#define FLAG_RF		(1 << 16)

// Load the registers that were saved, all but R11.
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
	// RCX, which SYSRETQ takes RIP from
	movq	SAVED_RCX(%rsp), %rcx
	cmpq	FRAME_RIP(%rsp), %rcx
	jne	by_iret

	// its own sign extension; RCX is what it was if the test passes
	movq	%rcx, %r11
	shlq	$IGNORED_BITS, %rcx
	sarq	$IGNORED_BITS, %rcx
	cmpq	%rcx, %r11
	jne	by_iret

	// the selectors that SYSRETQ will load
	cmpq	$0x33, FRAME_CS(%rsp)
	jne	by_iret
	cmpq	$0x2b, FRAME_SS(%rsp)
	jne	by_iret

	// R11, which SYSRETQ takes RFLAGS from
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

# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux-4.0
# ENTRY:    return_to_user
# EXPECT:   violated tf
# ORIGIN:   Linux commit 2a23c6b8a9c4 (“Use sysret to return to userspace when possible”);
#           TF: commit 7ea24169097d

// What the change of January 2015 does, written anew: SYSRETQ is used wherever
// the frame allows it. RF is tested, because SYSRETQ cannot restore it; TF is
// not, because SYSRETQ can. But the trap then comes one instruction early.

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

#define ADDRESS_BITS	47		// of the user's half: the 48th is the sign
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

	// in the lower half; the shift destroys RCX, which is loaded again below
	.ifne	ADDRESS_BITS - 47
	.error	"the shift below is right for 47 bits only"
	.endif
	shrq	$ADDRESS_BITS, %rcx
	jnz	by_iret

	// the selectors that SYSRETQ will load
	cmpq	$0x33, FRAME_CS(%rsp)
	jne	by_iret
	cmpq	$0x2b, FRAME_SS(%rsp)
	jne	by_iret

	// R11, which SYSRETQ takes RFLAGS from
	movq	SAVED_R11(%rsp), %r11
	cmpq	%r11, FRAME_FLAGS(%rsp)
	jne	by_iret
	testq	$(FLAG_RF), %r11
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

// SPDX-License-Identifier: BSD-2-Clause
// The tests of samples/canonical-shr47.S as a C function: whether SYSRET gives what IRET would give.

struct frame {
	unsigned long r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
	unsigned long orig_rax, rip, cs, rflags, rsp, ss;
};

int may_use_sysret(const struct frame *frame)
{
	unsigned long differs = (frame->rip ^ frame->rcx) | (frame->rflags ^ frame->r11);

	differs |= (frame->cs ^ 0x33) | (frame->ss ^ 0x2b) | (frame->rip >> 47);
	return !(differs | (frame->rflags & 0x10100));
}

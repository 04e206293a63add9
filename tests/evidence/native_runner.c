/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs code from given states on the CPU itself, for tests/evidence/native_cpu.py.
 *
 * Standard input: a Setup with the code, then batches: a 64-bit count and as many States. For each batch as many
 * States go to standard output: what the machine was when the code came to a HLT, which raises #GP in user mode, or
 * to any other fault. Bytes beyond the windows are not looked at. All numbers are little-endian.
 */
#define _GNU_SOURCE
#include <asm/prctl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

enum { ANCHORS = 4, WINDOW = 0x80, PAGE = 0x1000 };

struct setup {
	uint64_t anchors[ANCHORS];
	uint64_t gs_base;
	uint64_t code;
	uint64_t size;
};

struct state {
	uint64_t gprs[16]; /* rax rbx rcx rdx rsi rdi rbp rsp r8 ... r15 */
	uint64_t rflags;
	uint64_t rip;
	uint64_t signal;
	uint64_t gs_base;
	uint8_t windows[ANCHORS][2 * WINDOW];
};

static const int order[16] = {
	REG_RAX, REG_RBX, REG_RCX, REG_RDX, REG_RSI, REG_RDI, REG_RBP, REG_RSP,
	REG_R8,	 REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15,
};

static struct setup setup;
static struct state *current;
/* What run() keeps: its own stack pointer, where to jump to, and where a fault goes on. */
uint64_t runner_stack, runner_target;
extern char runner_resume[];

/* Loads the 16 registers and RFLAGS of a state and jumps; comes back through the signal handler. */
void run(struct state *state);
__asm__(".text\n"
	".globl run, runner_resume\n"
	"run:\n"
	"	push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
	"	mov %rsp, runner_stack(%rip)\n"
	"	pushq 128(%rdi); popfq\n"
	"	mov 0(%rdi), %rax; mov 8(%rdi), %rbx; mov 16(%rdi), %rcx; mov 24(%rdi), %rdx\n"
	"	mov 32(%rdi), %rsi; mov 48(%rdi), %rbp; mov 56(%rdi), %rsp\n"
	"	mov 64(%rdi), %r8; mov 72(%rdi), %r9; mov 80(%rdi), %r10; mov 88(%rdi), %r11\n"
	"	mov 96(%rdi), %r12; mov 104(%rdi), %r13; mov 112(%rdi), %r14; mov 120(%rdi), %r15\n"
	"	mov 40(%rdi), %rdi\n"
	"	jmp *runner_target(%rip)\n"
	"runner_resume:\n"
	"	pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
	"	ret\n"
	".section .note.GNU-stack,\"\",@progbits\n"
	".text\n");

static void on_signal(int number, siginfo_t *info, void *context)
{
	greg_t *now = ((ucontext_t *)context)->uc_mcontext.gregs;

	(void)info;
	if (!current)
		_exit(3); /* a fault of the runner's own */
	for (int index = 0; index < 16; index++)
		current->gprs[index] = now[order[index]];
	current->rflags = now[REG_EFL];
	current->rip = now[REG_RIP];
	current->signal = number;
	now[REG_RIP] = (greg_t)runner_resume;
	now[REG_RSP] = runner_stack;
	now[REG_EFL] = 0x202;
}

static void *at(uint64_t address, size_t size, int protection)
{
	void *got = mmap((void *)address, size, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (got != (void *)address)
		_exit(4);
	return got;
}

static int get(void *to, size_t size)
{
	for (char *place = to; size;) {
		ssize_t count = read(0, place, size);

		if (count <= 0)
			return 0;
		place += count;
		size -= count;
	}
	return 1;
}

static void put(const void *from, size_t size)
{
	for (const char *place = from; size;) {
		ssize_t count = write(1, place, size);

		if (count <= 0)
			_exit(5);
		place += count;
		size -= count;
	}
}

static void execute(struct state *state)
{
	syscall(SYS_arch_prctl, ARCH_SET_GS, state->gs_base);
	for (int index = 0; index < ANCHORS; index++)
		memcpy((void *)(setup.anchors[index] - WINDOW), state->windows[index], 2 * WINDOW);
	runner_target = state->rip;
	current = state;
	run(state);
	current = NULL;
	syscall(SYS_arch_prctl, ARCH_GET_GS, &state->gs_base);
	for (int index = 0; index < ANCHORS; index++)
		memcpy(state->windows[index], (void *)(setup.anchors[index] - WINDOW), 2 * WINDOW);
}

int main(void)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP };
	static char alternate[1 << 16];
	stack_t stack = { .ss_sp = alternate, .ss_size = sizeof(alternate) };
	struct sigaction action = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	uint64_t count;

	sigaltstack(&stack, NULL);
	for (size_t index = 0; index < sizeof(signals) / sizeof(*signals); index++)
		sigaction(signals[index], &action, NULL);
	if (!get(&setup, sizeof(setup)) || setup.code % PAGE || setup.size > 1 << 24)
		return 2;
	if (!get(at(setup.code, (setup.size | (PAGE - 1)) + 1, PROT_READ | PROT_WRITE), setup.size))
		return 2;
	mprotect((void *)setup.code, (setup.size | (PAGE - 1)) + 1, PROT_READ | PROT_EXEC);
	for (int index = 0; index < ANCHORS; index++)
		at((setup.anchors[index] & -PAGE) - PAGE, 3 * PAGE, PROT_READ | PROT_WRITE);
	while (get(&count, sizeof(count))) {
		struct state *states;

		if (count > 1 << 16)
			return 2;
		states = malloc(count * sizeof(*states) + 1);
		if (!states || !get(states, count * sizeof(*states)))
			return 2;
		alarm(60); /* code that does not come to an end ends the run, and with it the test */
		for (uint64_t index = 0; index < count; index++)
			execute(&states[index]);
		alarm(0);
		put(states, count * sizeof(*states));
		free(states);
	}
	return 0;
}

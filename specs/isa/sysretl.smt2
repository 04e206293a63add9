; SPDX-License-Identifier: BSD-2-Clause
; SYSRETL (0F 07): return to compatibility mode at CPL 3.
;
; Rendered from verifier/isa/sysret.py by tests/evidence/isa_semantics.py and proved equal.
;
; How to read this: each function is one register as the instruction leaves it, from the registers before it.
; (_ BitVec N) is an N-bit number; bvadd is addition modulo 2^N; bvand, bvor are bitwise; (_ extract H L) takes
; bits H:L; (_ zero_extend N) puts N zeros in front, (_ sign_extend N) copies of the top bit; (ite C A B) is
; A if C holds, else B; #x is hexadecimal, #b binary.
;
; SDM: Intel 64 and IA-32 Architectures Software Developer's Manual, order numbers 253665 (vol. 1), 325383
;      (vol. 2, edition 090US, February 2026) and 325384 (vol. 3).
; APM: AMD64 Architecture Programmer's Manual, publications 24593 (vol. 2) and 24594 (vol. 3, revision 3.36,
;      March 2024). Where it says nothing else, the APM agrees with the SDM.
;
; Arguments:
;   RCX: the register before the instruction
;   R11: the register before the instruction
;   RSP: the register before the instruction
;   IA32_STAR: the MSR C0000081H, which AMD calls STAR; bits 63:48 are SYSRET_CS
;   amd: the CPU is AMD's, not Intel's
; Not in these functions:
;   #UD and #GP(0) by mode: the code runs at CPL 0 in 64-bit mode, EFER.SCE = 1 and CR4.FRED = 0 (entry-cpl0)
;   the hidden parts of CS and SS (the clause ss-attrs), shadow stacks (ssp), the debug registers

(set-logic QF_BV)

; RIP
;   SDM vol. 2B, SYSRET, Operation: RIP := ECX, zero-extended
;   APM vol. 3, SYSRET, Action: the same
(define-fun |sysretl.rip| ((RCX (_ BitVec 64))) (_ BitVec 64)
  ((_ zero_extend 32) ((_ extract 31 0) RCX)))

; RFLAGS
;   SDM vol. 2B, SYSRET, Operation: RFLAGS := (R11 & 3C7FD7H) | 2, which clears RF and VM
;   APM vol. 3, SYSRET, Action: RFLAGS = R11, RF = 0, VM = 0
(define-fun |sysretl.rflags| ((R11 (_ BitVec 64))) (_ BitVec 64)
  (bvor (bvand R11 #x00000000003c7fd7) #x0000000000000002))

; CS.Selector
;   SDM vol. 2B, SYSRET, Operation: CS.Selector := IA32_STAR[63:48], then OR 3
;   APM vol. 3, SYSRET, Action: CS.sel = MSR_STAR.SYSRET_CS OR 3
(define-fun |sysretl.cs| ((IA32_STAR (_ BitVec 64))) (_ BitVec 16)
  (bvor ((_ extract 63 48) IA32_STAR) #x0003))

; SS.Selector
;   SDM vol. 2B, SYSRET, Operation: SS.Selector := (IA32_STAR[63:48] + 8) OR 3
;   APM vol. 3, SYSRET, Action: SS.sel = MSR_STAR.SYSRET_CS + 8, the RPL as it is there
(define-fun |sysretl.ss| ((IA32_STAR (_ BitVec 64)) (amd Bool)) (_ BitVec 16)
  (ite
    amd
    (bvadd ((_ extract 63 48) IA32_STAR) #x0008)
    (bvor (bvadd ((_ extract 63 48) IA32_STAR) #x0008) #x0003)))

; RSP
;   SDM vol. 2B, SYSRET, Description: the stack pointer is not modified
;   APM vol. 3, SYSRET: the same
(define-fun |sysretl.rsp| ((RSP (_ BitVec 64))) (_ BitVec 64)
  RSP)

; #GP(0) or #UD at CPL 0, before anything changes: then the other functions mean nothing
;   SDM vol. 2B, SYSRET, Operation: the check of RCX is in the 64-bit branch only
;   APM vol. 3: none
(define-fun |sysretl.fault| () Bool
  false)

; #GP at CPL 3, when the first user instruction is fetched
;   SDM vol. 1, 3.3.7.1: a 32-bit address is always canonical
(define-fun |sysretl.late_fault| () Bool
  false)

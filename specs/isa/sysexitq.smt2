; SPDX-License-Identifier: BSD-2-Clause
; SYSEXITQ (REX.W 0F 35): return to 64-bit mode at CPL 3.
;
; Rendered from verifier/isa/sysexit.py by tests/evidence/isa_semantics.py and proved equal.
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
;   RDX: the register before the instruction
;   RFLAGS: the register before the instruction
;   IA32_SYSENTER_CS: bits 15:0 of the MSR 174H
;   la57: CR4.LA57 = 1: linear addresses have 57 bits, not 48
;   amd: the CPU is AMD's, not Intel's
; Not in these functions:
;   #UD and #GP(0) by mode: the code runs at CPL 0 in 64-bit mode, EFER.SCE = 1 and CR4.FRED = 0 (entry-cpl0)
;   the hidden parts of CS and SS (the clause ss-attrs), shadow stacks (ssp), the debug registers
;   #GP(0) if IA32_SYSENTER_CS[15:2] = 0: the value is the contract's

(set-logic QF_BV)

; A linear address is canonical if the bits above the ones in use are copies of the top one of these
; (SDM vol. 1, 3.3.7.1; APM vol. 2, 1.1.3).
(define-fun canonical ((address (_ BitVec 64)) (la57 Bool)) Bool
  (ite
    la57
    (= ((_ sign_extend 7) ((_ extract 56 0) address)) address)
    (= ((_ sign_extend 16) ((_ extract 47 0) address)) address))
)

; RIP
;   SDM vol. 2B, SYSEXIT, Operation: RIP := RDX
(define-fun |sysexitq.rip| ((RDX (_ BitVec 64))) (_ BitVec 64)
  RDX)

; RFLAGS
;   SDM vol. 2B, SYSEXIT, Operation: RFLAGS is not assigned; reserved bits and VM are 0 in 64-bit mode anyway
(define-fun |sysexitq.rflags| ((RFLAGS (_ BitVec 64))) (_ BitVec 64)
  (bvor (bvand RFLAGS #x00000000003d7fd7) #x0000000000000002))

; CS.Selector
;   SDM vol. 2B, SYSEXIT, Operation: CS.Selector := IA32_SYSENTER_CS[15:0] + 32, then OR 3
(define-fun |sysexitq.cs| ((IA32_SYSENTER_CS (_ BitVec 16))) (_ BitVec 16)
  (bvor (bvadd IA32_SYSENTER_CS #x0020) #x0003))

; SS.Selector
;   SDM vol. 2B, SYSEXIT, Operation: SS.Selector := CS.Selector + 8
(define-fun |sysexitq.ss| ((IA32_SYSENTER_CS (_ BitVec 16))) (_ BitVec 16)
  (bvadd (bvor (bvadd IA32_SYSENTER_CS #x0020) #x0003) #x0008))

; RSP
;   SDM vol. 2B, SYSEXIT, Operation: RSP := RCX
(define-fun |sysexitq.rsp| ((RCX (_ BitVec 64))) (_ BitVec 64)
  RCX)

; #GP(0) or #UD at CPL 0, before anything changes: then the other functions mean nothing
;   SDM vol. 2B, SYSEXIT, 64-bit exceptions: #GP(0) if RCX or RDX is not canonical
;   APM vol. 3, SYSEXIT, Exceptions: #UD in long mode
(define-fun |sysexitq.fault| ((RCX (_ BitVec 64)) (RDX (_ BitVec 64)) (la57 Bool) (amd Bool)) Bool
  (or amd (not (and (canonical RDX la57) (canonical RCX la57)))))

; #GP at CPL 3, when the first user instruction is fetched
;   SDM vol. 2B, SYSEXIT: what it jumps to was checked before, or is a 32-bit address
(define-fun |sysexitq.late_fault| () Bool
  false)

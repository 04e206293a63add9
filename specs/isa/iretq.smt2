; SPDX-License-Identifier: BSD-2-Clause
; IRETQ (REX.W CF): return from CPL 0 to CPL 3.
;
; Rendered from verifier/isa/iret.py by tests/evidence/isa_semantics.py and proved equal.
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
;   tempRIP: the quadword at RSP + 0
;   tempCS: the quadword at RSP + 8
;   tempRFLAGS: the quadword at RSP + 16
;   tempRSP: the quadword at RSP + 24
;   tempSS: the quadword at RSP + 32
;   la57: CR4.LA57 = 1: linear addresses have 57 bits, not 48
; Not in these functions:
;   #UD and #GP(0) by mode: the code runs at CPL 0 in 64-bit mode, EFER.SCE = 1 and CR4.FRED = 0 (entry-cpl0)
;   the hidden parts of CS and SS (the clause ss-attrs), shadow stacks (ssp), the debug registers
;   faults by RFLAGS.NT, by descriptors and by a frame that is not mapped; the NMI mask
;   DS, ES, FS and GS, which are made null if their descriptors are not for CPL 3

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
;   SDM vol. 2A, IRET, Operation, RETURN-TO-OUTER-PRIVILEGE-LEVEL: RIP := tempRIP, the first quadword popped
;   APM vol. 3, IRETQ, Action: the same
(define-fun |iretq.rip| ((tempRIP (_ BitVec 64))) (_ BitVec 64)
  tempRIP)

; RFLAGS
;   SDM vol. 2A, IRET, Operation, RETURN-TO-OUTER-PRIVILEGE-LEVEL: CF PF AF ZF SF TF DF OF NT;
;   for a 64-bit operand also RF AC ID; from CPL 0 also IF IOPL VIF VIP: together 3D7FD7H
;   SDM vol. 1, 3.4.3: bit 1 is always 1; VM is 0 in 64-bit mode
(define-fun |iretq.rflags| ((tempRFLAGS (_ BitVec 64))) (_ BitVec 64)
  (bvor (bvand tempRFLAGS #x00000000003d7fd7) #x0000000000000002))

; CS.Selector
;   SDM vol. 2A, IRET, Operation, RETURN-TO-OUTER-PRIVILEGE-LEVEL: CS := tempCS, bits 15:0 of the second quadword
;   APM vol. 3, IRETQ, Action: the same
(define-fun |iretq.cs| ((tempCS (_ BitVec 64))) (_ BitVec 16)
  ((_ extract 15 0) tempCS))

; SS.Selector
;   SDM vol. 2A, IRET, Operation, RETURN-TO-OUTER-PRIVILEGE-LEVEL: SS := tempSS, bits 15:0 of the fifth quadword
;   APM vol. 3, IRETQ, Action: the same
(define-fun |iretq.ss| ((tempSS (_ BitVec 64))) (_ BitVec 16)
  ((_ extract 15 0) tempSS))

; RSP
;   SDM vol. 2A, IRET, Operation, RETURN-TO-OUTER-PRIVILEGE-LEVEL: RSP := tempRSP, the fourth quadword, unchecked
(define-fun |iretq.rsp| ((tempRSP (_ BitVec 64))) (_ BitVec 64)
  tempRSP)

; #GP(0) or #UD at CPL 0, before anything changes: then the other functions mean nothing
;   SDM vol. 2A, IRET, Operation, IA-32e-MODE-RETURN: #GP(0) if the return RIP is non-canonical
;   APM vol. 3, IRETQ, Exceptions: the same
(define-fun |iretq.fault| ((tempRIP (_ BitVec 64)) (la57 Bool)) Bool
  (not (canonical tempRIP la57)))

; #GP at CPL 3, when the first user instruction is fetched
;   SDM vol. 2A, IRET: does not happen, RIP was checked before
(define-fun |iretq.late_fault| () Bool
  false)

//! Calls to the kernel that no decoder makes, refused.
//!
//! A list of what is refused, not of what is allowed: ffmpeg and the C library differ from system to system, and a decoder must not die
//! of a call that is new and harmless. What is refused fails with EPERM, so that a library which asks for a socket in vain goes on.

use std::collections::BTreeMap;

use libc::c_long;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch, apply_filter, sock_filter,
};

use super::Given;

/// Sockets; other processes; mounts and namespaces; owners and modes of files, which Landlock leaves open; the kernel itself.
const REFUSED: &[c_long] = &[
    libc::SYS_socket,
    libc::SYS_socketpair,
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_sendto,
    libc::SYS_sendmsg,
    libc::SYS_sendmmsg,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_kcmp,
    libc::SYS_pidfd_getfd,
    libc::SYS_shmget,
    libc::SYS_semget,
    libc::SYS_msgget,
    libc::SYS_mq_open,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_fsopen,
    libc::SYS_fsmount,
    libc::SYS_mount_setattr,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_open_by_handle_at,
    libc::SYS_truncate,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    FCHMODAT2,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_utimensat,
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_fsetxattr,
    libc::SYS_removexattr,
    libc::SYS_lremovexattr,
    libc::SYS_fremovexattr,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_fanotify_init,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_syslog,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
];
/// The same on every processor; not yet in every C library.
const FCHMODAT2: c_long = 452;
/// Those that only the older processor has.
#[cfg(target_arch = "x86_64")]
const REFUSED_OF_OLD: &[c_long] = &[
    libc::SYS_chmod,
    libc::SYS_chown,
    libc::SYS_lchown,
    libc::SYS_utime,
    libc::SYS_utimes,
    libc::SYS_futimesat,
    libc::SYS_modify_ldt,
    libc::SYS_ioperm,
    libc::SYS_iopl,
    libc::SYS_uselib,
];
#[cfg(not(target_arch = "x86_64"))]
const REFUSED_OF_OLD: &[c_long] = &[];
/// What `clone` must not be asked for: namespaces of mounts, groups, names, messages, users, processes and networks.
const NEW_NAMESPACES: [libc::c_int; 7] = [
    libc::CLONE_NEWNS,
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNET,
];
/// Numbers from here on are a second table of calls on x86-64, with pointers of 32 bits.
const SECOND_TABLE: u32 = 0x4000_0000;

/// Refuses them to this thread and to all that it starts, for good.
pub(super) fn refuse() -> Given {
    let programs = programs().map_err(|error| format!("seccomp: {error}"))?;
    for program in &programs {
        apply_filter(program).map_err(|error| format!("seccomp: {error}"))?;
    }
    let count = REFUSED.len() + REFUSED_OF_OLD.len();
    Ok(format!("seccomp refuses {count} kinds that no decoder makes, sockets among them"))
}

fn programs() -> Result<Vec<BpfProgram>, seccompiler::BackendError> {
    let processor = TargetArch::try_from(std::env::consts::ARCH)?;
    let always = || Vec::new();
    let mut refused: BTreeMap<i64, Vec<SeccompRule>> =
        REFUSED.iter().chain(REFUSED_OF_OLD).map(|call| (*call, always())).collect();
    let namespaces = NEW_NAMESPACES.iter().map(|flag| {
        let bit = u64::from(flag.cast_unsigned());
        let set = SeccompCondition::new(0, SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(bit), bit)?;
        SeccompRule::new(vec![set])
    });
    refused.insert(libc::SYS_clone, namespaces.collect::<Result<_, _>>()?);
    // Its arguments lie in memory, where no filter looks. As if the kernel were too old for it, the C library takes `clone`; it takes a
    // refusal for the end of all threads.
    let unknown = BTreeMap::from([(libc::SYS_clone3, always())]);
    let filter = |calls, errno: i32| {
        let answer = SeccompAction::Errno(errno.cast_unsigned());
        SeccompFilter::new(calls, SeccompAction::Allow, answer, processor)
    };
    let mut programs = vec![
        BpfProgram::try_from(filter(unknown, libc::ENOSYS)?)?,
        BpfProgram::try_from(filter(refused, libc::EPERM)?)?,
    ];
    if processor == TargetArch::x86_64 {
        programs.push(second_table());
    }
    Ok(programs)
}

/// Refuses the second table of calls, under whose numbers all of the above could be had.
fn second_table() -> BpfProgram {
    let step =
        |code: u32, jt, jf, k| sock_filter { code: u16::try_from(code).unwrap_or_default(), jt, jf, k };
    vec![
        // The number of the call, the first of what a filter is shown.
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        step(libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K, 0, 1, SECOND_TABLE),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ERRNO | libc::EPERM.cast_unsigned()),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_is_listed_once_and_the_filters_can_be_made() {
        let mut calls: Vec<c_long> = REFUSED.iter().chain(REFUSED_OF_OLD).copied().collect();
        calls.sort_unstable();
        calls.dedup();
        assert_eq!(calls.len(), REFUSED.len() + REFUSED_OF_OLD.len());
        for needed in [libc::SYS_read, libc::SYS_write, libc::SYS_execve, libc::SYS_clone, libc::SYS_mmap] {
            assert!(!calls.contains(&needed));
        }
        let programs = programs().expect("filters");
        assert!(programs.iter().all(|program| !program.is_empty() && program.len() < 4096));
    }
}

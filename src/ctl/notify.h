#ifndef CTL_NOTIFY_H
#define CTL_NOTIFY_H
/* notify.h - telling whoever started us. Control. */

/* Prints `ready` on standard output and tells systemd, when it started us: sd_notify(3). */
void notify_ready(void);

/* The address of this host that the user's SSH connection ends at (SSH_CONNECTION, ssh(1)), or NULL. */
const char *caller_address(void);
#endif

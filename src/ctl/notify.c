/* notify.c - the ready line, systemd, and who called; see notify.h. */
#include "ctl/notify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <systemd/sd-daemon.h>

void
notify_ready(void)
{
	puts("ready");
	fflush(stdout);
	sd_notify(0, "READY=1");
}

const char *
caller_address(void)
{
	static char address[64];
	const char *connection = getenv("SSH_CONNECTION"); /* client address, port, server address, port */

	if (connection == NULL || sscanf(connection, "%*s %*s %63s", address) != 1)
		return NULL;
	return address;
}

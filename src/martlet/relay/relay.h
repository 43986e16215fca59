// SPDX-License-Identifier: MIT
// The relay process: everything that touches clients and mail. Started by the parent only.
#pragma once

// Serves until the parent closes the channel, dies, or sends SIGTERM. parent_statm_fd: see process_stats_open().
// Returns the exit status.
int relay_run(int channel_fd, int parent_statm_fd);

"""When: beats and crons, the schedule source, the stream broker, the manager of players' schedules."""

package procbridge

// roles are played on Unix only: they are about signals, groups and pipes.
var roles map[string]func()

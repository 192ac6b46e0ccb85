package sockets

// maxPath is sizeof(sun_path) without its zero byte.
const maxPath = 107

import Testing

/// What a proxy remembers from one client to the next: which routes rest, and connections kept warm.
///
/// One test at a time, since one of them changes the addresses of this machine, upon which every proxy in this process
/// forgets. Tests elsewhere do not depend on that memory.
@Suite(.serialized, .timeLimit(.minutes(4))) enum RememberingProxy {}

import Testing

/// Limits, one test at a time: crowds of connections would be in each other's way, and in everybody else's.
@Suite(.serialized) enum LimitSuites {}

import Testing

/// Where clients come in, one test at a time: each of them opens many doors.
@Suite(.serialized) enum ListenerSuites {}

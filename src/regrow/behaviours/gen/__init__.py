"""What all behaviours share: start, request, results, child specs, system messages (OTP's `gen`)."""

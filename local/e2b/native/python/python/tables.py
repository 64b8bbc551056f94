def install(shell):
    pass

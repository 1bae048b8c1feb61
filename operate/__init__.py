"""What whoever runs the server needs: the command line, the processes, migrations, backups, the
doctor, the sample clinic.
"""
